"""Run the solutions in Jupyter kernels and store their outputs, lesson by lesson, whole or not at all."""

import concurrent.futures
import contextlib
import copy
import dataclasses
import os
import re
import subprocess
import time

import nbclient
import nbclient.exceptions
import tqdm
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from labs.authoring import convert, kernels, lessons, outputs

CELL_SECONDS = 600
START_SECONDS = 120
JOBS = 2  # on two cores, six lessons take 134 s two at a time, one thread each, and 260 s one by one, two threads
CORES = 2  # of the machine the lessons are sized for: two kernels take one thread each, a single one both
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of a lesson: `fault` is None when its notebook was written."""

    lesson: lessons.Lesson
    seconds: float
    kilobytes: float = 0.0
    fault: str | None = None


def execute(chosen, *, jobs=JOBS):
    """Execute lessons, `jobs` at a time; return a report a lesson, in their order.

    A lesson that fails leaves its stored notebook as it was, and the others go on.
    """
    sources = [convert.read(lesson) for lesson in chosen]  # a faulty source is said before anything runs
    environment = kernel_environment(jobs)
    managers = [_kernel_manager() for _ in chosen]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(_attempt, *arguments, environment) for arguments in zip(chosen, sources, managers)]
        try:
            _follow(futures)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for manager in managers:
                _kill(manager)
            raise
    return [future.result() for future in futures]


def kernel_environment(jobs=JOBS):
    """Return the environment of the kernels: nobody in front, and so many threads (results depend on it)."""
    threads = str(max(1, CORES // jobs))
    environment = {"LABS_PROFILE": "cours", **os.environ, "LABS_HEADLESS": "1"}
    environment.pop("MPLBACKEND", None)  # the kernel then takes Jupyter's own, inline
    return environment | dict.fromkeys(THREADS, threads)


def _kernel_manager():
    # No folder of kernels: python3 is then this very Python, whatever the user has installed under that name.
    specifications = KernelSpecManager(kernel_dirs=[])
    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specifications, **kernels.unix_sockets())


def _follow(futures):
    with tqdm.tqdm(total=len(futures), desc="Exécution", unit=" leçon", disable=None) as bar:
        for future in concurrent.futures.as_completed(futures):
            bar.set_postfix_str(future.result().lesson.name)
            bar.update()


def _kill(manager):
    with contextlib.suppress(Exception):  # not started, or ended by itself: there is nothing to stop
        manager.provisioner.process.kill()


def _attempt(lesson, source, manager, environment):
    start = time.perf_counter()
    try:
        notebook = _run(lesson, source, manager, environment)
        faults = outputs.faults(notebook, lesson)
        if faults:
            raise lessons.LessonError("\n".join(faults))
    except lessons.LessonError as error:
        return Report(lesson, time.perf_counter() - start, fault=str(error))
    content = convert.text(notebook)
    convert.write(lesson.solution, content)
    return Report(lesson, time.perf_counter() - start, len(content.encode()) / 1000)


def _run(lesson, source, manager, environment):
    """Return the executed notebook, its outputs in canonical form; raise LessonError where a cell fails."""
    running = {"number": 0, "cell": None}
    client = nbclient.NotebookClient(
        copy.deepcopy(source),
        km=manager,
        timeout=CELL_SECONDS,
        startup_timeout=START_SECONDS,
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(lesson.source.parent)}},
        on_cell_start=lambda cell, cell_index: running.update(number=cell_index + 1, cell=cell),
        log=convert.SILENT,
    )
    try:
        stored = client.execute(env=environment, cleanup_kc=True, stderr=subprocess.DEVNULL)
    except nbclient.exceptions.CellExecutionError as error:
        fault = f"{error.ename} : {error.evalue}\n{_end_of_traceback(error.traceback)}"
    except nbclient.exceptions.CellTimeoutError:
        fault = f"la cellule dure plus de {CELL_SECONDS} s."
    except RuntimeError as error:
        fault = f"le noyau s'est arrêté, ou n'a pas démarré (plus assez de mémoire ?) : {error}"
    else:
        for cell in convert.code_cells(stored):
            cell.outputs = outputs.canonical(cell.outputs)
        return convert.executed(source, stored)
    place = lesson.place(running["number"], running["cell"]) if running["cell"] else lesson.name
    raise lessons.LessonError(f"{place} : {fault}")


def _end_of_traceback(traceback, lines=20):
    kept = ESCAPE_SEQUENCE.sub("", traceback).rstrip().split("\n")[-lines:]
    return "\n".join(f"    {line}" for line in kept)
