"""Whether the server in this container is ready to answer, as an exit code; there is no curl."""

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
