"""Running a signature by hand: its inputs from text and files, its outputs to them."""
