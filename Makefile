# Works with GNU make 3.81 (macOS) and a POSIX shell. `make` alone shows the help.
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?= python3
PORT ?= 8888
JOBS ?= 2
LAB_ROOT ?= $(CURDIR)
WELCOME := notebooks/00_bienvenue/00_poste_de_travail.ipynb

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
PYTEST := $(PY) -m pytest
# The kernels start in the folder of their lesson, take one thread each, need no port (two that start at once may
# want the same one) and find the guard that refuses the network.
NBVAL := LABS_HEADLESS=1 PYTHONPATH="$(CURDIR)/tests/offline" OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 \
  TF_NUM_INTEROP_THREADS=1 $(PYTEST) -p labs.authoring.kernels --nbval-lax --nbval-current-env \
  --nbval-cell-timeout=600 --nbval-kernel-startup-timeout=120 --tb=short -n $(JOBS) --dist loadfile

STAGES := lint unit verify test-solutions test-notebooks test-browser
QUICK_STAGES := lint unit verify test-notebooks

export TF_CPP_MIN_LOG_LEVEL = 3

.PHONY: help lab test test-quick $(STAGES) build execute data lock clean

help: ## affiche cette aide
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

lab: $(VENV)/.lab ## installe ce qui manque, puis ouvre le cours dans JupyterLab (PORT=8888, NO_BROWSER=1)
	@$(PY) scripts/check_data.py
	@echo "JupyterLab démarre : http://localhost:$(PORT) (pour l'arrêter : Ctrl-C, deux fois)."
	@$(PY) -m jupyterlab --ServerApp.root_dir="$(LAB_ROOT)" --LabApp.default_url="/lab/tree/$(WELCOME)" \
	  --ServerApp.port=$(PORT) --ServerApp.port_retries=0 $(if $(filter-out 0,$(NO_BROWSER)),--no-browser) \
	  $$(test "$$(id -u)" != 0 || echo --allow-root) --Application.log_level=WARN \
	  --LabApp.extension_manager=readonly $(LAB_ARGS) \
	  || { echo "JupyterLab s'est arrêté. Si le port $(PORT) est déjà pris : make lab PORT=$$(($(PORT) + 1))"; exit 1; }

test: ## vérifie tout, étape par étape, et s'arrête à la première qui échoue
	@+$(call run_stages,$(STAGES))

test-quick: ## la boucle courte : lint, unit, verify, test-notebooks
	@+$(call run_stages,$(QUICK_STAGES))

lint: $(VENV)/.dev ## étape : relit le Python avec ruff
	$(PY) -m ruff check .
	$(PY) -m ruff format --check labs scripts tests

unit: $(VENV)/.dev ## étape : vérifie labs, les exercices et l'installation avec pytest
	$(PYTEST) tests --ignore=tests/browser -n $(JOBS) --dist loadfile

verify: $(VENV)/.dev ## étape : vérifie que les notebooks dérivés sont ceux que donnent les sources
	$(PY) -m labs.authoring verify

test-solutions: $(VENV)/.dev ## étape : réexécute les solutions (profil cours) et compare leurs sorties
	LABS_PROFILE=cours $(NBVAL) solutions

test-notebooks: $(VENV)/.dev ## étape : exécute les notebooks des stagiaires, sans réponse (profil rapide)
	LABS_PROFILE=rapide $(NBVAL) notebooks

test-browser: $(VENV)/.dev ## étape : ouvre et résout une leçon dans un vrai JupyterLab (demande Chromium)
	$(PYTEST) tests/browser -rsP

build: $(VENV)/.dev ## refait les notebooks dérivés à partir de solutions/*.py
	$(PY) -m labs.authoring build $(LESSON)

execute: $(VENV)/.dev ## exécute les solutions et garde leurs sorties (LESSON=01_fondamentaux/01_neurone pour une seule)
	$(PY) -m labs.authoring execute $(LESSON)

data: $(VENV)/.dev ## refait data/ à partir des paquets d'origine (demande le réseau)
	$(PY) scripts/make_data.py
	$(PY) scripts/make_weights.py

lock: $(VENV)/bin/pip ## refige les versions dans requirements.lock (LOCK_ARGS=--upgrade pour les plus récentes)
	@$(PY) -m uv --version >/dev/null 2>&1 || $(PIP) install --quiet uv
	$(PY) -m uv pip compile --universal --python-version 3.11 --extra dev --extra gpu pyproject.toml \
	  -o requirements.lock --no-header $(LOCK_ARGS)

clean: ## efface .venv et les caches, pour repartir de zéro
	rm -rf $(VENV) *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} + -o -name .ipynb_checkpoints -prune -exec rm -rf {} +

# One recursive make per stage: it keeps the order, stops at the first failure and names it.
run_stages = for stage in $(1); do \
	  printf '\n── %s\n' "$$stage"; \
	  $(MAKE) --no-print-directory $$stage || { \
	    printf '\n✘ L’étape « %s » a échoué. Pour la relancer seule : make %s\n' "$$stage" "$$stage"; exit 1; }; \
	done; printf '\n✔ Tout est bon : %s.\n' "$(1)"

# venv creates bin/pip last: it is there only if the environment was made whole.
$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
	  echo "Le cours demande Python 3.11, 3.12 ou 3.13 ; « $(PYTHON) » est absent ou d'une autre version ($$($(PYTHON) --version 2>&1))."; \
	  echo "Installez l'une de ces versions, puis donnez son nom à make, par exemple : make lab PYTHON=python3.12"; \
	  exit 1; }
	@echo "Création de l'environnement $(VENV)…"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python n'a pas pu créer $(VENV). Sous Debian ou Ubuntu, il manque souvent ce paquet : apt-get install python3-venv"; \
	  exit 1; }

# Out of JupyterLab: the announcements, which ask the network for news, and nbgrader's menus, which only authors get
# (labs.authoring uses nbgrader as a library).
define after_install
@$(PY) scripts/ensure_cv2.py
@$(PY) -m jupyter labextension disable --level=sys_prefix \
  @jupyterlab/apputils-extension:announcements @jupyter/nbgrader >/dev/null 2>&1
@rm -f $(VENV)/etc/jupyter/jupyter_server_config.d/nbgrader*.json
endef

# The stamps are newer than what decides the installation: a second `make lab` installs nothing, and needs no network.
$(VENV)/.lab: pyproject.toml requirements.lock scripts/ensure_cv2.py | $(VENV)/bin/pip
	@echo "Installation des paquets du cours (une seule fois ; quelques minutes, près de 3 Go)…"
	$(PIP) install -c requirements.lock -e .
	$(after_install)
	@touch $@

$(VENV)/.dev: pyproject.toml requirements.lock scripts/ensure_cv2.py | $(VENV)/bin/pip
	@echo "Installation des paquets du cours et des outils d'auteur…"
	$(PIP) install -c requirements.lock -e '.[dev]'
	$(after_install)
	@touch $(VENV)/.lab $@
