"""Stands between a client and a server, and writes down what they say: `pipe.py FILE SERVER ARGUMENT…`."""

import subprocess
import sys
import threading

lock = threading.Lock()


def pass_on(kept, way, source, target):
    for line in source:
        if line.strip():
            with lock:
                kept.write(way + b" " + line.rstrip(b"\n") + b"\n")
                kept.flush()
        target.write(line)
        target.flush()
    target.close()


with open(sys.argv[1], "ab") as kept:
    server = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    to = threading.Thread(target=pass_on, args=(kept, b">", sys.stdin.buffer, server.stdin), daemon=True)
    to.start()
    pass_on(kept, b"<", server.stdout, sys.stdout.buffer)
    sys.exit(server.wait())
