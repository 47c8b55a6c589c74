"""Helper package of the course « Traitement d'image par Deep Learning »: one flat module a subject."""
