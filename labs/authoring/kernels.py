"""Kernels reached through Unix sockets instead of network ports; also the pytest plugin that gives them to nbval.

Jupyter picks the ports of a kernel, releases them, and the kernel opens them a moment later: whoever takes one
in between kills it (« Kernel died before replying to kernel_info »), which happens where several start at once.
A socket that is a file with a name of its own cannot be taken.
"""

import functools
import os
import tempfile
import uuid


@functools.cache
def _folder():
    """Return the folder of this process's sockets, in the temporary one: their path has to stay under 104 bytes."""
    return tempfile.TemporaryDirectory(prefix="labs-", ignore_cleanup_errors=True)


def unix_sockets():
    """Return what makes a kernel manager of Jupyter use Unix sockets of its own, as keyword arguments."""
    return {"transport": "ipc", "ip": os.path.join(_folder().name, uuid.uuid4().hex[:8])}


def pytest_configure():
    """Replace the manager that nbval makes: it has no option for the transport."""
    import nbval.kernel  # here: only pytest needs it

    manager = nbval.kernel.KernelManager
    nbval.kernel.KernelManager = lambda **options: manager(**options, **unix_sockets())
