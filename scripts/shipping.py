"""What the scripts that train a network for the course share: their options, and how its weights go to data/."""

import argparse
import pathlib

import make_data
import numpy as np

from labs import catalogue


def parser(description, names):
    """The options of a script that trains one of `names`: NAME, --out, --seed."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("name", choices=names)
    options.add_argument("--out", type=pathlib.Path, default=catalogue.DATA, help="dossier à remplir (data/)")
    options.add_argument("--seed", type=int, default=0)
    return options


def as_written(network):
    """Round the weights of a network as its file will, so that what is scored is what is shipped."""
    for variable in network.weights:
        variable.assign(np.asarray(variable).astype("float16").astype("float32"))


def put(network, name, out):
    """Write the weights called `name` into the folder `out`, record their sha256; return the file."""
    from labs import weights

    weights.save(network, out / weights.FILES[name])
    make_data.record(out, [weights.FILES[name]])
    return out / weights.FILES[name]
