"""nginx that answers every request with the same bytes: what the machine can do at most."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

PORT = os.environ["BENCH_PORT"]
PROCESSES = os.environ["BENCH_PROCESSES"]
CONFIGURATION = """\
worker_processes {processes};
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_max_body_size 64m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port} reuseport;
    location / {{ return 200 '{{"predictions":[1]}}'; }}
  }}
}}
"""

if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="nginx-"))
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(processes=PROCESSES, folder=folder, port=PORT))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    os.execv(program, ["nginx", "-c", str(file), "-p", str(folder)])
