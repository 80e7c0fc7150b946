"""Reports as one HTML file each: no server, no build step, no request to anywhere."""
