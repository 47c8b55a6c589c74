# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Bienvenue : votre poste de travail est prêt
#
# > En vingt minutes : vérifier la machine, ouvrir les données, entraîner un premier réseau, et faire connaissance avec les exercices. Si une étape échoue, elle dit quoi faire.
#
# **À la fin, vous saurez** lire l'état de votre machine, charger un jeu de données du cours, entraîner et évaluer un premier réseau Keras, et faire vérifier une réponse.
#
# **Prérequis** : Python et NumPy · **Durée** : 20 min · **Références** : Xiao, Rasul & Vollgraf 2017, *Fashion-MNIST* (arXiv 1708.07747)

# %%
from labs import runtime

runtime.setup(seed=0)

# %% [markdown]
# La ligne ci-dessus dit tout ce qui va servir : versions, processeur ou carte graphique, profil, et **graine** (le point de départ du hasard : la même graine redonne les mêmes tirages). Il y a trois **profils**, le même code à trois tailles : `rapide` (quelques secondes, pour vérifier que tout s'enchaîne), `cours` (celui de la salle, sur un processeur ordinaire) et `complet` (données entières, carte graphique conseillée). Pour en changer : `LABS_PROFILE=complet make lab`.
#
# Chaque leçon commence ainsi. Une cellule s'exécute avec **Maj + Entrée** ; tout le notebook, avec le menu *Run → Run All Cells*.

# %%
import keras
import numpy as np

from labs import catalogue, datasets, plots, training
from labs.checks import welcome as check

# %% [markdown]
# ## 1. Les données sont là, et intactes
#
# Rien ne se télécharge pendant le cours : les données sont dans le dépôt, et chaque fichier a une **empreinte** (SHA-256), un nombre tiré de tous ses octets, qui change dès que l'un d'eux change. On la recalcule ici pour chacun.

# %%
names = sorted(path.name for path in catalogue.DATA.iterdir() if path.is_dir())
files = [path for name in names for path in sorted((catalogue.DATA / name).iterdir())]
for path in files:
    catalogue.verified(str(path.relative_to(catalogue.DATA)))
size = sum(path.stat().st_size for path in files) / 1e6
print(f"{len(files)} fichiers vérifiés, {size:.0f} Mo : {', '.join(names)}")

# %% [markdown]
# Si un fichier manquait ou avait changé, vous verriez ici son nom, l'empreinte attendue et la commande qui le rétablit. Voici, par exemple, la réponse à un nom qui n'existe pas.

# %%
try:
    catalogue.verified("fashion_mnist/train_99.webp")
except catalogue.DataError as error:
    print(error)

# %% [markdown]
# ## 2. Fashion-MNIST : dix sortes d'articles de mode
#
# 70 000 photographies de 28×28 pixels, en niveaux de gris, proposées en 2017 pour remplacer les chiffres de MNIST, devenus trop faciles. **Avant d'exécuter** : combien de nombres faut-il pour décrire une image ?

# %% tags=["nbval-check-output"]
data = datasets.load("fashion_mnist")
print("apprentissage :", data.x_train.shape, "· étiquettes :", data.y_train.shape)
print("test :", data.x_test.shape, "· étiquettes :", data.y_test.shape)
print(f"pixels : {data.x_test.dtype}, de {data.x_test.min()} à {data.x_test.max()}")
print("classes :", ", ".join(data.class_names))

# %%
first = [int(np.argmax(data.y_train == label)) for label in range(10)]
pictures = {data.class_names[label]: data.x_train[index] for label, index in enumerate(first)}
plots.show(pictures, columns=5, size=2.2, title="Une image de chaque classe")

# %% [markdown]
# Chaque image est une grille de 28 × 28 = 784 nombres, de 0 (noir) à 255 (blanc). Certaines classes se ressemblent, comme pull, manteau et chemise : c'est là que les réseaux se tromperont.

# %% [markdown]
# ## 3. Votre premier exercice
#
# | Exercice 0.a | difficulté ●○○ | 3 min | vérifié : valeurs, type |
# | --- | --- | --- | --- |
#
# Un réseau apprend mieux sur de petits nombres. Écrivez la fonction qui ramène des pixels de 0…255 (`uint8`) à l'intervalle $[0, 1]$, en `float32`.
#
# La marche à suivre est toujours la même : remplacez les points de suspension, exécutez la cellule, puis celle d'après, qui vérifie. Essayez d'abord une réponse fausse, pour voir : vous recevrez une phrase, puis un indice de plus à chaque essai.


# %%
def to_unit_range(images):
    """Turn uint8 images of 0..255 into float32 images in [0, 1], same shape."""
    ### BEGIN SOLUTION
    return images.astype("float32") / 255
    ### END SOLUTION


# %% tags=["check"]
check.to_unit_range(to_unit_range)

# %% [markdown] tags=["solution"]
# Sans `astype`, NumPy calculerait en `float64` : deux fois plus de mémoire, sans rien gagner.

# %% [markdown]
# La suite d'une leçon n'utilise jamais vos réponses : un exercice non résolu ne bloque rien.

# %% [markdown]
# ## 4. Un premier réseau, en une vingtaine de secondes
#
# Une couche cachée de 128 neurones, puis dix sorties, une par classe. Le réseau va parcourir six fois les images d'apprentissage : six **époques**. Après chacune, Keras mesure aussi l'exactitude sur d'autres images, ici celles de test, et l'appelle « exactitude de validation ». Tout ce que font ces cellules sera expliqué, et réécrit à la main, dans le chapitre 1.

# %%
count = runtime.budget(rapide=2_000, cours=60_000, complet=60_000)
epochs = runtime.budget(rapide=1, cours=6, complet=20)
x_train, x_test = data.x_train[:count] / np.float32(255), data.x_test / np.float32(255)

# %%
model = keras.Sequential(
    [
        keras.Input((28, 28)),
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(10),  # one logit a class
    ]
)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer=keras.optimizers.Adam(0.001), loss=loss, metrics=["accuracy"])

# %%
validation = (x_test, data.y_test)
history = training.fit(model, x_train, data.y_train[:count], validation=validation, epochs=epochs)

# %%
plots.curves(
    {"apprentissage": history["accuracy"], "test": history["val_accuracy"]},
    title=f"Un premier réseau en {history['seconds'][-1]:.0f} s",
    xlabel="époque",
    ylabel="exactitude",
    alt="L'exactitude monte en apprentissage ; en test, elle plafonne un peu plus bas",
)

# %% tags=["nbval-check-output"]
print("poids du réseau :", model.count_params())
print("exactitude en test d'au moins 85 % :", history["val_accuracy"][-1] >= 0.85)

# %% [markdown]
# Plus de 85 % des articles sont reconnus, sur des images que le réseau n'a jamais vues. Les deux courbes finissent par s'écarter : le réseau commence à retenir ses exemples (leçon 1.3). À la première époque, c'est l'apprentissage qui est plus bas : son exactitude est une moyenne, prise pendant que le réseau apprend encore.

# %% [markdown]
# ## 5. Votre second exercice : mesurer
#
# | Exercice 0.b | difficulté ●○○ | 5 min | vérifié : égalité avec scikit-learn, une seule image |
# | --- | --- | --- | --- |
#
# Le réseau renvoie dix nombres par image, des *logits* ; la classe prédite est la position du plus grand. Écrivez l'**exactitude** (*accuracy*) : la part des images dont la classe prédite est la bonne.


# %%
def accuracy(logits, labels):
    """Share of the rows of logits (N, K) whose largest column is the label (N,)."""
    ### BEGIN SOLUTION
    return np.mean(logits.argmax(axis=1) == labels)
    ### END SOLUTION


# %% tags=["check"]
check.accuracy(accuracy)

# %% [markdown] tags=["solution"]
# `axis=1` cherche le plus grand logit **de chaque ligne**, donc de chaque image.

# %% [markdown]
# Où le réseau se trompe-t-il ? Voici les six erreurs dont il est le plus sûr : celles où il donne à sa réponse la plus forte probabilité (la *softmax* change les logits en probabilités, leçon 1.2).

# %%
logits = model.predict(x_test, verbose=0)
predicted = logits.argmax(axis=1)
wrong = np.flatnonzero(predicted != data.y_test)
confidence = np.asarray(keras.ops.softmax(logits)).max(axis=1)
surest = wrong[np.argsort(-confidence[wrong])[:6]]
names = data.class_names
titles = [f"{names[predicted[i]]} ?\nnon : {names[data.y_test[i]]}" for i in surest]
plots.show(data.x_test[surest], titles=titles, title="Sûr de lui, et pourtant…")

# %% [markdown]
# Plusieurs de ces erreurs se comprennent : certaines étiquettes sont discutables même pour nous. Regarder les erreurs, image par image, est le premier réflexe du métier.
#
# ## 6. Tout est prêt
#
# Une dernière cellule résume l'état du poste.

# %% tags=["nbval-check-output"]
verdicts = {
    "Keras 3": keras.version().startswith("3."),
    "calcul avec TensorFlow": keras.backend.backend() == "tensorflow",
    "Fashion-MNIST entier": (len(data.x_train), len(data.x_test)) == (60_000, 10_000),
    "le réseau fait mieux que le hasard": history["val_accuracy"][-1] > 0.2,
}
for name, verdict in verdicts.items():
    print(f"{'✔' if verdict else '✘'} {name}")

# %% [markdown]
# Une croix ? `make clean`, puis `make lab`, refont l'installation ; `make test-quick` dit ce qui ne va pas. Si cela ne suffit pas, appelez votre formatrice ou votre formateur.
#
# ## À retenir
#
# - `runtime.setup()` ouvre chaque leçon ; `LABS_PROFILE` choisit les tailles.
# - Les données sont dans le dépôt, vérifiées par leur empreinte : le cours se passe d'Internet.
# - Un exercice : une fonction à compléter, une cellule qui vérifie, des indices qui s'ajoutent. Rien ne bloque.
# - Apprendre, puis mesurer sur des images **jamais vues**, puis regarder les erreurs.
#
# ## Questionnaire
#
# 1. Combien de poids dans ce réseau, et d'où viennent-ils ?
# 2. Pourquoi mesurer sur `x_test` et non sur `x_train` ?
# 3. Une exactitude de 10 % avec dix classes de même taille, qu'est-ce que cela veut dire ?
#
# <details><summary>Réponses</summary>
#
# 1. $784 \times 128 + 128 + 128 \times 10 + 10 = 101\,770$ : un poids par lien, un biais par neurone. 2. Un réseau peut retenir ses exemples par cœur ; seules des images nouvelles disent s'il a compris. 3. Le réseau ne fait pas mieux que le hasard.
#
# </details>
#
# ## Pour aller plus loin
#
# - Changez 128 en 16, puis en 512 : que deviennent l'exactitude et le temps ?
# - Chargez `datasets.load("cifar10")` et montrez une image par classe : qu'est-ce qui change dans les formes ?
