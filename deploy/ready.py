"""The image's health check: `ready.py PORT` ends with 0 when the service there is ready.

What it answers is printed, so that `docker inspect` tells what is missing. No proxy is asked,
whatever the environment says.
"""

import sys
from http.client import HTTPConnection

connection = HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=4)
connection.request("GET", "/readyz")
answer = connection.getresponse()
sys.stdout.write(answer.read().decode())
sys.exit(answer.status != 200)
