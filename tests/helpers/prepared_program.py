"""The program as a shell finds it, without its imports: has a starter (`prepared.py`) make the process, hands it our
arguments, environment, folder and standard streams, passes signals on to it, and ends as it does.

python -I prepared_program.py ADDRESS-OF-THE-STARTER [ARGUMENT ...]
"""

import json
import os
import signal
import socket
import sys

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
line.connect(sys.argv[1])
what = {
    "arguments": ["-m", "interface", *sys.argv[2:]],
    "folder": os.getcwd(),  # noqa: PTH109 - importing pathlib would take longer than all else
    "environment": dict(os.environ),
}
socket.send_fds(line, [json.dumps(what).encode()], [0, 1, 2])
process = int(line.recv(64))
for number in PASSED_ON:
    signal.signal(number, lambda number, _: os.kill(process, number))
code = int(line.recv(64))
if code < 0:  # a signal ended it
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
