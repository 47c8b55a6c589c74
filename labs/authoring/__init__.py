"""From the source of a lesson to its two notebooks: python -m labs.authoring build | verify | execute."""
