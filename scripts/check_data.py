"""Check the embedded data, and say which file is missing or damaged: python scripts/check_data.py"""

import sys

from labs import catalogue


def main():
    """Return 0 when every file is intact, 1 otherwise."""
    try:
        names = catalogue.checksums()
    except catalogue.DataError as error:
        print(error)
        return 1
    problems = list(filter(None, map(problem, names)))
    print("\n\n".join(problems) or f"Données : {len(names)} fichiers, tous intacts.")
    return int(bool(problems))


def problem(name):
    """Return what is wrong with a file of data/, None when it is intact."""
    try:
        catalogue.verified(name)
    except catalogue.DataError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
