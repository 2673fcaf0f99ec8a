"""Health check of the container: exit code 0 if the server is ready. The image has no curl."""

import os
import sys
from http.client import HTTPConnection

SECONDS = 2.5

connection = HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 3000), timeout=SECONDS)
try:
    connection.request("GET", "/readyz")
    sys.exit(connection.getresponse().status != 200)
except OSError:
    sys.exit(1)
