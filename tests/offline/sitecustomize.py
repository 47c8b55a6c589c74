"""Refuse the network to every Python process that finds this folder on PYTHONPATH, Jupyter kernels included.

The lessons have to run with no network. An audit hook cannot be removed, and sees sockets whatever library
opens them; addresses of this machine stay allowed, since Jupyter talks to its kernels through them.
"""

import errno
import importlib.machinery
import importlib.util
import ipaddress
import os
import socket
import sys

LOCAL_FAMILIES = {getattr(socket, name) for name in ("AF_UNIX", "AF_NETLINK") if hasattr(socket, name)}
ADDRESS_OF_SOCKET = {"socket.connect", "socket.sendto", "socket.sendmsg"}
HOST = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


def refuse_network(event, arguments):
    if event in ADDRESS_OF_SOCKET:
        connection, address = arguments[:2]
        if connection.family not in LOCAL_FAMILIES and address is not None:
            _refuse_unless_local(event, address[0])
    elif event in HOST:
        _refuse_unless_local(event, arguments[0])


def _refuse_unless_local(event, host):
    name = host.decode() if isinstance(host, (bytes, bytearray)) else host
    if name in (None, "", "localhost"):
        return
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        local = False
    else:
        mapped = getattr(address, "ipv4_mapped", None)
        local = (mapped or address).is_loopback
    if not local:
        reason = f"Accès au réseau refusé ({event}, {name}) : une leçon tourne sans réseau, avec data/."
        raise OSError(errno.ENETUNREACH, reason)


def run_shadowed_sitecustomize():
    """Run the sitecustomize of the system that this one hides, when there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    others = [folder for folder in sys.path if os.path.abspath(folder or os.curdir) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec and spec.loader:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


sys.addaudithook(refuse_network)
run_shadowed_sitecustomize()
