"""Has a client read what was sent to it? A reset takes away what it has not."""
import pathlib
import socket
import sys


def hexadecimal(address):
    """As in /proc/net/tcp."""
    return f"{int.from_bytes(socket.inet_aton(address[0]), sys.byteorder):08X}:{address[1]:04X}"


def unread(server, client):
    """How many bytes wait at the client's end of a connection over IPv4 within this machine."""
    ends = [hexadecimal(client), hexadecimal(server)]
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        row = line.split()
        if row[1:3] == ends:
            return int(row[4].split(":")[1], 16)
    return 0
