"""The command line of the authors: python -m labs.authoring build | verify | execute [lesson…]."""

import argparse
import sys
import time

from labs.authoring import lessons

DESCRIPTION = "Fabrique les notebooks du cours à partir de leurs sources, solutions/<chapitre>/<leçon>.py."
COMMANDS = """commandes :
  build     écrit les notebooks des stagiaires, et rafraîchit le texte des solutions exécutées
  verify    refait tout dans un dossier temporaire et dit ce qui diffère
  execute   exécute les solutions et garde leurs sorties (profil « cours », sauf avis de LABS_PROFILE)
"""


def main(arguments=None):
    """Run a command; return the exit status of the process."""
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    command = {"build": _build, "verify": _verify, "execute": _execute}.get(options.command)
    if options.command is None and not unknown:
        parser.print_help()
        return 0
    if unknown or not command:
        wrong = f"option inconnue : {unknown[0]}" if unknown else f"commande inconnue : {options.command}"
        print(wrong, "\n", file=sys.stderr)
        parser.print_help(sys.stderr)
        return 2
    try:
        return command(options)
    except lessons.LessonError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrompu : les leçons qui n'étaient pas finies n'ont rien écrit.", file=sys.stderr)
        return 130


def _build(options):
    from labs.authoring import build

    for lesson in lessons.select(options.lessons, options.root):
        must_execute = build.build(lesson, lesson.root)
        if must_execute:
            print(f"{lesson.name} : à exécuter (python -m labs.authoring execute {lesson.name})")
        else:
            print(f"{lesson.name} : à jour")
    return 0


def _verify(options):
    from labs.authoring import build

    chosen = lessons.select(options.lessons, options.root)
    problems = [problem for lesson in chosen for problem in build.verify(lesson)]
    if not options.lessons:
        problems += build.orphans(options.root)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"Les notebooks de {len(chosen)} leçon(s) sont bien ceux que donnent leurs sources.")
    return 1 if problems else 0


def _execute(options):
    from labs.authoring import build, convert, execute

    chosen = lessons.select(options.lessons, options.root)
    if options.stale:
        chosen = [lesson for lesson in chosen if build.must_execute(lesson, convert.read(lesson))]
    start = time.perf_counter()
    reports = execute.execute(chosen, jobs=options.jobs or execute.JOBS)
    _print_table(reports, time.perf_counter() - start)
    for report in reports:
        if report.fault:
            print(f"\nRien n'a été écrit pour {report.lesson.name} :\n{report.fault}", file=sys.stderr)
    return 1 if any(report.fault for report in reports) else 0


def _print_table(reports, seconds):
    width = max([len(report.lesson.name) for report in reports], default=0) + 2
    print(f"{'leçon':{width}}{'secondes':>9}{'Ko':>8}")
    for report in reports:
        kilobytes = "échec" if report.fault else f"{report.kilobytes:.0f}"
        print(f"{report.lesson.name:{width}}{_decimal(report.seconds):>9}{kilobytes:>8}")
    print(f"{'en tout':{width}}{_decimal(seconds):>9}")


def _decimal(number):
    return f"{number:.1f}".replace(".", ",")


class _FrenchParser(argparse.ArgumentParser):
    """argparse says its errors in English: show the help instead."""

    def error(self, message):
        print(f"Ligne de commande refusée ({message}).\n", file=sys.stderr)
        self.print_help(sys.stderr)
        self.exit(2)


def _parser():
    parser = _FrenchParser(
        prog="python -m labs.authoring",
        usage=argparse.SUPPRESS,
        description=DESCRIPTION,
        epilog=COMMANDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    group = parser.add_argument_group("python -m labs.authoring COMMANDE [LEÇON…] [OPTIONS]")
    add = group.add_argument
    add("command", metavar="COMMANDE", nargs="?", help="build, verify ou execute")
    add(
        "lessons",
        metavar="LEÇON",
        nargs="*",
        help="morceau de chemin, comme 01_neurone ; sans lui, toutes les leçons",
    )
    add(
        "--root",
        metavar="DOSSIER",
        default=lessons.ROOT,
        help="le dépôt du cours, s'il n'est pas celui de labs",
    )
    add("--jobs", metavar="N", type=_positive, help="execute : noyaux à la fois (2, d'un fil chacun)")
    add("--stale", action="store_true", help="execute : seulement les leçons dont le code a changé")
    add("-h", "--help", action="help", help="affiche cette aide")
    return parser


def _positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"« {text} » n'est pas un nombre de noyaux")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
