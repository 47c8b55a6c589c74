# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 2016 : des lunettes contre la reconnaissance faciale
#
# > Personne n'écrit les pixels que reçoit une caméra. Mais chacun choisit ce qu'il porte. Vous allez calculer les couleurs d'une monture qui fait passer une personne pour une autre, et surtout vérifier, témoins à l'appui, que ce n'est pas la monture seule qui trompe.
#
# **À la fin, vous saurez** restreindre une attaque à un objet que l'on porte, l'optimiser pour plusieurs photographies à la fois, ajouter ce que demande l'imprimante, mesurer son succès sur des photographies qu'elle n'a pas vues, à côté de témoins et avec un intervalle, et dire ce qu'un défenseur peut en conclure.
#
# **Prérequis** : leçons 2.3 et 6.2 · **Durée** : 55 min · **Références** : Sharif, Bhagavatula, Bauer & Reiter 2016, *Accessorize to a Crime: Real and Stealthy Attacks on State-of-the-Art Face Recognition* ; Viola & Jones 2001

# %%
from labs import runtime

runtime.setup(seed=0)

# %%
import keras
import numpy as np
from scipy import stats

from labs import attacks, augmentation, datasets, plots, training, zoo
from labs.attacks import glasses
from labs.checks import attacks as check

# %% [markdown]
# ## 1. Un réseau qui reconnaît 40 personnes
#
# Le jeu ORL contient dix photographies de chacune de 40 personnes, de vraies personnes, photographiées pour la recherche (leçon 4.5). Le réseau apprend sur les cinq premières ; les cinq autres, il ne les voit jamais, et **l'attaquant non plus** : c'est sur elles que tout sera mesuré.

# %%
faces = datasets.load("orl_faces")
x, x_new = (images[..., None].astype("float32") / 255 for images in (faces.x_train, faces.x_test))
y, y_new = faces.y_train, faces.y_test  # photographie par photographie : 0 à 39, cinq fois
copies = runtime.budget(rapide=3, cours=40, complet=100)  # de chaque photographie, à l'apprentissage
steps = runtime.budget(rapide=2, cours=15, complet=60)  # de l'attaque


# %%
def train(prepare):
    """A recogniser trained on shifted copies of the photographs, each copy prepared anew."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    varied = np.concatenate([augmentation.shift(prepare(rng), rng, pixels=4) for _ in range(copies)])
    model = zoo.face_classifier()
    rate = keras.optimizers.schedules.CosineDecay(2e-3, len(varied) // 32)
    model.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    training.fit(model, varied, np.tile(y, copies), batch_size=32, watched=False)
    return model


# %%
naive = train(lambda rng: x)


def seen(model, images):
    return model.predict(images, verbose=0, batch_size=200).argmax(1)


print(f"visages reconnus, sur 200 photographies nouvelles : {np.mean(seen(naive, x_new) == y_new):.1%}")

# %% [markdown]
# Le réseau est petit, quatre étages de convolutions, et les photographies sont cadrées de la même façon : quelques décalages à l'apprentissage suffisent. VGG-Face, le réseau qu'attaque le code publié par les auteurs, distingue 2 622 célébrités ; le nôtre, 40 personnes. La méthode est la même.
#
# ## 2. Des lunettes qui suivent les yeux
#
# L'article aligne chaque visage sur des repères avant d'y poser les lunettes. ORL n'a pas de repères : nous cherchons les yeux avec le détecteur en cascade livré avec OpenCV (Viola & Jones 2001). Là où il ne voit pas de paire, nous prenons la position moyenne des autres visages.

# %%
eyes, found = glasses.eyes(faces.x_train)
eyes_new, found_new = glasses.eyes(faces.x_test)
print(f"yeux trouvés sur {found.sum() + found_new.sum()} photographies sur 400")
boxes, boxes_new = glasses.places(eyes), glasses.places(eyes_new)

# %%
mask = glasses.frames(thickness=5)  # 1 sur la monture, 0 à côté, entre les deux sur les bords
black = np.zeros((1, 112, 92, 1))
some = [0, 41, 82, 123, 164, 25, 66]
worn = glasses.wear(x[some], black, mask, boxes[some])
plots.show([mask, *worn], columns=8, size=1.8, titles=["masque", *[f"personne {y[i]}" for i in some]],
           alt="Le masque d'une paire de lunettes, puis sept visages qui en portent une noire")  # fmt: skip
print(f"la monture couvre {mask.mean():.1%} de l'image · article : 6,5 %")

# %% [markdown]
# La monture suit le milieu des yeux et leur écart ; elle ne penche pas avec la tête. Là où le détecteur se trompe un peu, les lunettes sont trop grandes (personne 2) ou posées trop haut (personne 26). Laissons-les ainsi : de vraies lunettes non plus ne sont jamais exactement à leur place. (Les personnes 1 et 26 portaient déjà les leurs.)
#
# | Exercice 6.3.a | difficulté ●○○ | 5 min | vérifié : dehors rien ne change, dedans la couleur remplace le visage, bords mélangés, photographies intactes |
# | --- | --- | --- | --- |
#
# Écrivez `wear(images, colours, mask)` : des photographies `(N, H, L, 1)`, les couleurs d'une monture `(H, L, 1)` et son masque `(H, L)`, vers les photographies avec lunettes. Où le masque vaut 1, on voit la couleur ; où il vaut 0, le visage ; entre les deux, sur les bords, un mélange dans cette proportion.


# %%
def wear(images, colours, mask):
    """Photographs (N, H, W, 1) with frames on: the colour where the mask is 1, the face where it is 0."""
    ### BEGIN SOLUTION
    m = mask[:, :, None]
    return images * (1 - m) + colours * m
    ### END SOLUTION


# %% tags=["check"]
check.wear(wear)

# %% [markdown] tags=["solution"]
# Cette opération est dérivable, et sa dérivée par rapport à la couleur est le masque : hors de la monture, l'attaquant n'a aucune prise. `glasses.wear` fait la même chose, après avoir déplacé et agrandi la monture jusqu'aux yeux.

# %% [markdown]
# ## 3. Des lunettes ordinaires suffisent
#
# Avant toute attaque, les **témoins** : des lunettes noires, blanches, ou de gris tirés au hasard, en carreaux de 6 pixels ou en grain de 2 pixels. **Pariez** : combien des 200 visages le réseau reconnaît-il encore ?

# %%
controls = {
    "sans lunettes": x_new,
    "noires": glasses.wear(x_new, black, mask, boxes_new),
    "blanches": glasses.wear(x_new, black + 1, mask, boxes_new),
}
for name, size in (("carreaux", 6), ("grain", 2)):  # tirés au hasard, pour chaque photographie
    pattern = glasses.patchwork(200, np.random.default_rng(1), size)
    controls[name] = glasses.wear(x_new, pattern, mask, boxes_new)
plots.show([images[3] for images in controls.values()], columns=5, size=2, titles=list(controls),
           alt="Un visage nu, puis avec des lunettes noires, blanches, à carreaux, à grain")  # fmt: skip

# %%
def share(fooled):
    """How often, and the 95 % interval of Wilson."""
    interval = stats.binomtest(int(fooled.sum()), fooled.size).proportion_ci(method="wilson")
    return f"{fooled.mean():.1%} [{interval.low:.1%}, {interval.high:.1%}]"


mistakes = {name: seen(naive, images) != y_new for name, images in controls.items()}
plots.table([[name, share(wrong)] for name, wrong in mistakes.items()], header=["lunettes", "erreurs [95 %]"])

# %% tags=["nbval-check-output"]
print("des lunettes quelconques suffisent à tromper le réseau naïf :", mistakes["noires"].mean() > 0.3)

# %% [markdown]
# Voilà le piège. Des lunettes **noires** suffisent à faire perdre à ce réseau sept visages sur dix, un grain au hasard plus d'un sur deux. Une « attaque » qui réussirait une fois sur deux ne prouverait donc rien : elle ferait moins bien que la monture seule. Sans témoin, on l'aurait annoncée avec fierté.
#
# Le réseau n'a jamais vu de lunettes aussi visibles. C'est un défaut d'apprentissage, et il se corrige.
#
# ## 4. Un réseau qui en a vu d'autres
#
# Pour que l'attaque prouve quelque chose, il faut un réseau que des lunettes ordinaires ne trompent pas. À l'apprentissage, une photographie sur deux porte donc des lunettes tirées au hasard : un seul gris, ou des carreaux de 3 à 13 pixels, épaisseur de 2 à 8 pixels, posées à 2,5 pixels près.

# %%
robust = train(lambda rng: glasses.disguise(x, eyes, rng))
examples = glasses.disguise(x[:7], eyes[:7], np.random.default_rng(3), share=1.0)
plots.show(list(examples), columns=7, size=1.8, title="Lunettes d'apprentissage, pour un tirage",
           alt="Sept visages avec des lunettes épaisses, d'un seul gris ou à carreaux")  # fmt: skip

# %%
resisted = {name: seen(robust, images) != y_new for name, images in controls.items()}
plots.table([[name, share(mistakes[name]), share(resisted[name])] for name in controls],
            header=["lunettes", "réseau naïf [95 %]", "réseau averti [95 %]"])  # fmt: skip

# %% tags=["nbval-check-output"]
print("le réseau averti reconnaît au moins 95 % des visages nus :", resisted["sans lunettes"].mean() <= 0.05)
worst = max(wrong.mean() for wrong in resisted.values())
print("aucun témoin ne le trompe plus d'une fois sur dix :", worst <= 0.1)

# %% [markdown]
# Le réseau averti reconnaît 98,5 % des visages nus, autant que le naïf, et les lunettes ordinaires ne le trompent presque plus : moins d'une fois sur vingt, y compris un grain de 2 pixels, plus fin que tout ce qu'il a vu à l'apprentissage. Désormais, ce que des lunettes obtiendront en plus viendra de leurs **couleurs**.
#
# ## 5. Ce que cherche l'attaquant
#
# L'article distingue deux buts. Avec $x$ la photographie, $r$ ce que l'on change, $f$ le réseau et $c$ une classe, `softmaxloss` étant l'entropie croisée :
#
# - **esquiver** : ne pas être reconnu, $\ \arg\min_r\ -\mathrm{softmaxloss}(f(x + r), c_x)$ ;
# - **usurper** : être pris pour $c_t$, $\ \arg\min_r\ \mathrm{softmaxloss}(f(x + r), c_t)$.
#
# Mais une monture se **fabrique** et se **porte** : trois conditions de plus.
#
# **Les transitions.** Sur un visage et à travers une caméra, deux pixels voisins ont des couleurs proches ; un grain de pixels isolés ne survivrait pas. L'article pénalise la **variation totale** :
#
# $$ TV(r) = \sum_{i,j} \sqrt{(r_{i,j} - r_{i+1,j})^2 + (r_{i,j} - r_{i,j+1})^2} $$
#
# | Exercice 6.3.b | difficulté ●●○ | 8 min | vérifié : image unie, marche, égal à une double boucle |
# | --- | --- | --- | --- |
#
# Écrivez `total_variation(r)` pour un tableau `(H, L)` : la somme porte sur les pixels qui ont un voisin dessous **et** un voisin à droite.


# %%
def total_variation(r):
    """Sum over the pixels of r (H, W) of the length of their differences with those below and right."""
    ### BEGIN SOLUTION
    down, right = r[1:, :-1] - r[:-1, :-1], r[:-1, 1:] - r[:-1, :-1]
    return np.sqrt(down**2 + right**2).sum()
    ### END SOLUTION


# %% tags=["check"]
check.total_variation(total_variation)

# %% [markdown] tags=["solution"]
# La racine est prise pixel par pixel : un bord net et un dégradé de même hauteur coûtent autant. C'est le nombre d'allers et retours qui coûte.

# %% [markdown]
# **L'imprimante.** Elle ne sait pas faire toutes les couleurs : son noir n'est pas noir, son blanc n'est pas blanc. Si $P$ est l'ensemble des couleurs imprimables, le **score de non-imprimabilité** d'un pixel $\hat p$ est le produit de ses distances à chacune,
#
# $$ NPS(\hat p) = \prod_{p \in P} |\hat p - p| $$
#
# et celui de la monture est la somme de ceux de ses pixels. L'article mesure $P$ en imprimant une palette, puis en la photographiant. Nos visages sont en gris et nous n'avons pas d'imprimante : nous **supposons** quatre gris, 0,10, 0,35, 0,60 et 0,85.
#
# | Exercice 6.3.c | difficulté ●●○ | 6 min | vérifié : produit sur les gris, somme sur les pixels |
# | --- | --- | --- | --- |
#
# Écrivez `non_printability(colours, printable)` : les gris `(n,)` des pixels d'une monture et les gris imprimables `(K,)`, vers le score de la monture, un seul nombre.


# %%
def non_printability(colours, printable):
    """Sum over the pixels (n,) of the product of their distances to the printable greys (K,)."""
    ### BEGIN SOLUTION
    return np.abs(colours[:, None] - printable).prod(axis=1).sum()
    ### END SOLUTION


# %% tags=["check"]
check.non_printability(non_printability)

# %% [markdown] tags=["solution"]
# Un produit, et non un minimum : il s'annule sur chaque couleur imprimable, et il est dérivable partout entre elles.

# %% [markdown]
# **La pose.** Des lunettes faites pour *une* photographie ne servent à rien : le visage bouge. L'attaquant rassemble donc un ensemble $X$ de photographies de lui-même, et cherche **une seule** monture pour toutes :
#
# $$ \arg\min_r \sum_{x \in X} \mathrm{softmaxloss}(f(x + r), c_t) + \kappa_1\,TV(r) + \kappa_2\,NPS(r) $$
#
# Dans le code des auteurs, les lunettes bougent aussi un peu, au hasard, à chaque pas ; et le gradient de chaque photographie est divisé par sa plus grande valeur, pour qu'aucune ne l'emporte sur les autres.
#
# | Exercice 6.3.d | difficulté ●●○ | 8 min | vérifié : chaque photographie compte autant, masque, sens, retour entre 0 et 1 |
# | --- | --- | --- | --- |
#
# Écrivez un pas d'esquive, `shared_step(colours, gradients, mask, step_size)` : les gris `(H, L)` de la monture ; les gradients `(V, H, L)`, un par photographie, de la perte de la vraie personne, que l'on veut faire grandir ; le masque `(H, L)`. Divisez chaque gradient par sa plus grande valeur absolue, faites-en la moyenne, avancez de `step_size` fois cette moyenne sous le masque, et restez entre 0 et 1.


# %%
def shared_step(colours, gradients, mask, step_size):
    """The colours (H, W) after one step that makes the loss grow on all the photographs together."""
    ### BEGIN SOLUTION
    scaled = [gradient / np.abs(gradient).max() for gradient in gradients]
    return np.clip(colours + step_size * mask * np.mean(scaled, axis=0), 0, 1)
    ### END SOLUTION


# %% tags=["check"]
check.shared_step(shared_step)

# %% [markdown] tags=["solution"]
# C'est encore la boucle de la leçon 6.2 : gradient, pas, projection, bornes. `attacks.eyeglasses` appelle d'ailleurs la même, `gradient.ascend`, pour toutes les personnes à la fois.

# %% [markdown]
# Vos formules et celles de `labs`, sur la même monture au hasard :

# %% tags=["nbval-check-output"]
pattern = glasses.patchwork(1, np.random.default_rng(0), size=1)
whole, greys = np.ones((112, 92), "float32"), glasses.PRINTABLE
theirs = [float(score[0]) for score in (glasses.total_variation(pattern, whole),
                                        glasses.non_printability(pattern, whole, greys))]  # fmt: skip
r = pattern[0, :, :, 0].astype("float64")
down, right = np.diff(r, axis=0)[:, :-1], np.diff(r, axis=1)[:-1]
print("même variation totale :", np.isclose(theirs[0], np.hypot(down, right).sum(), rtol=1e-3))
distances = [np.abs(r - grey) for grey in greys[:, 0]]
print("même non-imprimabilité :", np.isclose(theirs[1], np.prod(distances, axis=0).sum(), rtol=1e-3))

# %% [markdown]
# ## 6. Esquiver
#
# Chacune des 40 personnes calcule **sa** monture sur ses cinq photographies connues, puis la porte sur les cinq autres. L'attaquant connaît tous les poids du réseau averti. **Pariez** : combien de fois lui échappe-t-il, quand des lunettes au hasard n'y arrivent presque jamais ? Et s'il n'avait qu'une photographie de lui-même ?


# %%
def by_person(values):
    return values.reshape(5, 40, *values.shape[1:]).swapaxes(0, 1)


album, album_boxes, people = by_person(x), by_person(boxes), np.arange(40)
colours = attacks.eyeglasses(robust, album, album_boxes, people, mask, steps=steps)
single = attacks.eyeglasses(robust, album[:, :1], album_boxes[:, :1], people, mask, steps=steps)

# %%
dodging = {name: glasses.wear(x_new, found[y_new], mask, boxes_new)
           for name, found in (("une photographie", single), ("cinq photographies", colours))}  # fmt: skip
escaped = {name: seen(robust, images) != y_new for name, images in dodging.items()}
known = seen(robust, glasses.wear(x, colours[y], mask, boxes)) != y
rows = [[f"témoin : {name}", share(resisted[name])] for name in controls]
rows += [[f"attaque : {name}", share(fooled)] for name, fooled in escaped.items()]
rows += [["les cinq, sur elles-mêmes", share(known)]]
plots.table(rows, header=["lunettes", "erreurs du réseau averti [95 %]"])

# %% tags=["nbval-check-output"]
print("plus de sept photographies nouvelles sur dix échappent :", escaped["cinq photographies"].mean() > 0.7)
print("bien plus que tous les témoins :", escaped["cinq photographies"].mean() > worst + 0.5)

# %%
shown = [3, 7, 12, 18, 26, 31]
answers = seen(robust, dodging["cinq photographies"])
titles = [f"{y_new[i]}, vu {answers[i]}" for i in shown]
plots.show([x_new[i] for i in shown], columns=6, size=2, title="Photographies nouvelles",
           alt="Six visages, sans les lunettes de l'attaque")  # fmt: skip
plots.show([dodging["cinq photographies"][i] for i in shown], titles=titles, columns=6, size=2,
           title="Avec leurs lunettes, et qui le réseau voit",
           alt="Les mêmes six visages avec leurs lunettes calculées ; le réseau en voit d'autres")  # fmt: skip

# %% [markdown]
# Même monture, mêmes visages : avec un grain au hasard, le réseau se trompe 4 fois sur 100 ; avec des couleurs calculées, **89** fois, et sur des photographies que l'attaque n'a pas vues. Elle y réussit même aussi bien que sur les siennes (86,5 %) : les lunettes, qui bougent pendant le calcul, ne se sont pas attachées à une image. Avec une seule photographie, 66 % : les quatre autres rapportent 23 points.
#
# À l'œil, un grain noir et blanc ; chacun reconnaît encore la personne. Et le réseau voit souvent la même : la 27, trois fois sur ces six visages.
#
# Un mot sur l'intervalle. Celui de Wilson suppose 200 essais indépendants ; or cinq photographies de la même personne portent la même monture. Tirons plutôt au sort, avec remise, des **personnes** entières.

# %%
rates = by_person(escaped["cinq photographies"]).mean(axis=1)
drawn = np.random.default_rng(0).choice(rates, (5000, 40)).mean(axis=1)
print("esquives, sur cinq photographies nouvelles → nombre de personnes :",
      {k: int(np.sum(np.round(5 * rates) == k)) for k in range(6)})  # fmt: skip
low, high = np.percentile(drawn, [2.5, 97.5])
print("par photographie (Wilson) :", share(escaped["cinq photographies"]))
print(f"par personne (tirages) : {rates.mean():.1%} [{low:.1%}, {high:.1%}]")

# %% [markdown]
# La moyenne est la même, l'intervalle est plus large de plus d'un tiers : 40 personnes renseignent moins que 200 essais indépendants. 27 personnes échappent au réseau sur leurs cinq photographies, et quatre sur deux seulement.
#
# ## 7. Combien de monture ?
#
# D'après la presse, l'article couvre 6,5 % de l'image ; nous, 10,5 %. Refaisons l'attaque avec des montures plus fines, pour la moitié des personnes, à côté d'un témoin au hasard de même forme.

# %%
half = people[::2]
kept = np.flatnonzero(np.isin(y_new, half))  # leurs photographies nouvelles
areas, curve = [], {"attaque": [], "grain au hasard": []}
for thickness in (2, 3, 5):
    thin, look = glasses.frames(thickness), colours[half]  # 5 pixels : déjà calculées
    if thickness < 5:
        look = attacks.eyeglasses(robust, album[half], album_boxes[half], half, thin, steps=steps)
    areas.append(100 * thin.mean())
    for name, found in zip(curve, (look, glasses.patchwork(20, np.random.default_rng(1), size=2))):
        images = glasses.wear(x_new[kept], np.tile(found, (5, 1, 1, 1)), thin, boxes_new[kept])
        curve[name].append(100 * np.mean(seen(robust, images) != y_new[kept]))

# %%
plots.curves(curve, x=areas, title="Esquive selon la taille de la monture",
             xlabel="part de l'image couverte (%)", ylabel="photographies non reconnues (%)",
             alt="L'attaque monte avec la surface, le témoin reste bas")  # fmt: skip

# %% [markdown]
# Avec 6,5 % de l'image, la surface de l'article, l'attaque réussit 72 fois sur 100 ; avec un peu plus de 4 %, une fois sur deux. Le témoin, un grain au hasard sur la même monture, reste entre 4 et 6 % : ce n'est pas la surface qui trompe.
#
# ## 8. Usurper
#
# Se faire prendre pour une personne **choisie** est plus difficile : il ne suffit pas de quitter une classe, il faut tomber dans une autre. Six attaquants, six cibles, trente-six montures ; chacune est portée sur cinq photographies nouvelles.

# %%
chosen = np.random.default_rng(2).permutation(40)
attackers, targets = chosen[:6], chosen[6:12]
who, aim = np.repeat(attackers, 6), np.tile(targets, 6)
disguises = attacks.eyeglasses(robust, album[who], album_boxes[who], aim, mask, targeted=True,
                               step_size=0.5, steps=steps + 5)  # fmt: skip
photos = (who[:, None] + 40 * np.arange(5)).ravel()  # les cinq photographies nouvelles de chaque attaquant
worn = glasses.wear(x_new[photos], disguises.repeat(5, axis=0), mask, boxes_new[photos])
taken = (seen(robust, worn) == aim.repeat(5)).reshape(6, 6, 5)

# %%
rows = [[f"personne {a}", *(f"{hits}/5" for hits in line), f"{line.mean() / 5:.0%}"]
        for a, line in zip(attackers, taken.sum(2))]  # fmt: skip
rows.append(["toutes", *(f"{hits:.0%}" for hits in taken.mean((0, 2))), f"{taken.mean():.0%}"])
plots.table(rows, header=["attaquant ↓ · cible →", *map(str, targets), "toutes"])
by_chance = np.mean(seen(robust, controls["grain"])[photos] == aim.repeat(5))
print("usurpations réussies :", share(taken), "· avec un grain au hasard :", f"{by_chance:.1%}")

# %%
best = np.argsort(-taken.sum(2).ravel(), kind="stable")
best = [best[np.flatnonzero(who[best] == attacker)[0]] for attacker in attackers[:3]]
pictures = [picture for pair in best for picture in (x_new[who[pair]], worn[5 * pair], x_new[aim[pair]])]
titles = [title for pair in best for title in (f"{who[pair]}", "avec lunettes", f"cible : {aim[pair]}")]
plots.show(pictures, titles=titles, columns=9, size=1.7,
           alt="Trois attaquants, les mêmes avec leurs lunettes, et la personne que chacun vise")  # fmt: skip

# %% tags=["nbval-check-output"]
print("usurper réussit bien plus souvent qu'au hasard :", taken.mean() > by_chance + 0.1)
print("usurper est plus difficile qu'esquiver :", taken.mean() < escaped["cinq photographies"].mean())

# %% [markdown]
# Usurper réussit 28 fois sur 100, et 0,6 fois sur 100 avec un grain au hasard. Mais cette moyenne cache l'essentiel : cela dépend surtout de la **cible**. La 33 et la 6 sont usurpées plus d'une fois sur deux ; la 37, une fois sur trente. Le visage le plus facile à imiter est la porte par laquelle l'attaquant entrera : c'est lui qu'un défenseur doit chercher, et non la moyenne.
#
# Trente essais par cible, et cinq par monture, c'est peu : pour départager deux cibles voisines, il en faudrait davantage.
#
# ## 9. Ce que coûtent le lissage et l'imprimante
#
# Refaisons l'esquive pour la moitié des personnes, avec $\kappa_1$ (lissage) et $\kappa_2$ (imprimante). Puis **imprimons** : chaque couleur est remplacée par le plus proche des quatre gris.

# %%
greys = glasses.PRINTABLE[:, 0]


def printed(colours):
    return greys[np.abs(colours - greys).argmin(axis=-1)][..., None]


def half_escaped(colours):
    images = glasses.wear(x_new[kept], np.tile(colours, (5, 1, 1, 1)), mask, boxes_new[kept])
    return np.mean(seen(robust, images) != y_new[kept])


# %%
kappas = {"rien": (0.0, 0.0), "lissage": (0.03, 0.0), "imprimante": (0.0, 0.3), "les deux": (0.03, 0.3)}
patterns = {"rien": colours[half]}
for name, (smooth, ink) in list(kappas.items())[1:]:
    patterns[name] = attacks.eyeglasses(robust, album[half], album_boxes[half], half, mask, steps=steps,
                                        smoothness=smooth, printability=ink)  # fmt: skip

# %%
lines, area = [], mask.sum()
for name, found in patterns.items():
    scores = glasses.total_variation(found, mask), glasses.non_printability(found, mask, glasses.PRINTABLE)
    lines.append([name, *(f"{np.mean(score) / area:.4f}" for score in scores),
                  f"{half_escaped(found):.0%}", f"{half_escaped(printed(found)):.0%}"])  # fmt: skip
plots.table(lines, header=["κ", "TV / pixel", "NPS / pixel", "esquive", "esquive, imprimées"])

# %%
person = 3
shades = [np.where(mask[..., None] > 0, found[person], 1.0) for found in patterns.values()]
plots.show([look[30:76] for look in shades], titles=list(patterns), columns=4, size=3,
           alt="Quatre montures de la même personne : libre, lissée, imprimable, les deux")  # fmt: skip

# %% [markdown]
# Le lissage divise la variation totale par deux, ou presque, et cela se voit : les gris changent moins vite. Il coûte onze points d'esquive, le terme d'impression huit, et les deux ensemble trente-deux. La dernière colonne surprend : le terme d'impression ne rend **pas** les lunettes imprimées plus efficaces. Sans lui, 70 % y échappent encore ; avec lui, 57 %. Sans doute parce qu'un noir et un blanc purs se remplacent sans grand dommage par 0,10 et 0,85, alors que le produit, nul sur chaque gris imprimable, retient la monture près de son gris de départ.
#
# Tout cela en quinze pas, avec des gris supposés : avec les couleurs d'une vraie imprimante, c'est à remesurer. La leçon reste : un terme se garde si la mesure qu'il devait améliorer s'améliore.
#
# ## 10. Du calcul au monde
#
# Nos lunettes sont posées par calcul, là où le détecteur a vu les yeux. Dérangeons-les un peu, sans rien recalculer : elles glissent sur le nez.

# %%
def slipped(right, down):
    images = glasses.wear(x_new, colours[y_new], mask, glasses.places(eyes_new, (right, down)))
    return seen(robust, images) != y_new


slips = {"telles quelles": (0, 0), "3 px de côté": (3, 0), "3 px plus bas": (0, 3), "6 px plus bas": (0, 6)}
rows = [[name, share(slipped(*slip))] for name, slip in slips.items()]
plots.table(rows, header=["lunettes", "esquive [95 %]"])

# %% [markdown]
# Les lunettes glissent, et l'attaque tient : 84 % ou plus à 3 pixels, 79 % à 6, bien au-delà des 2 pixels de son calcul.
#
# Nos chiffres à côté de ceux de l'article, lus dans la presse de l'époque, et non dans l'article : *Digital Trends* pour la surface et l'esquive, *New Scientist* (1er novembre 2016) pour l'usurpation, qu'il dit mesurée sur le service Face++. La presse simplifie : pour les citer, lisez l'article. La méthode, elle, a été comparée au code que les auteurs ont publié (qui prend, pour l'impression, le carré de chaque distance).
#
# | | article, d'après la presse : lunettes imprimées et portées | ici, lunettes posées par calcul |
# | --- | --- | --- |
# | réseau | VGG-Face, 2 622 célébrités, dans le code publié ; Face++ selon la presse | quatre convolutions, 40 personnes |
# | surface | 6,5 % de l'image | 6,5 % et 10,5 % |
# | esquive | 100 % | 72 % et 89 % |
# | usurpation | trois cas cités : deux à 90 % environ, un à 16 % | 28 % en moyenne, de 3 % à 67 % selon la cible |
#
# **Ce que cela montre.** Quelques pour cent de l'image, choisis par qui connaît les poids du réseau, suffisent le plus souvent à disparaître, et parfois à devenir quelqu'un d'autre, sur des photographies que l'attaque n'a pas vues.
#
# **Ce que cela ne montre pas.** Rien n'a été imprimé ni photographié : ni encre, ni reflets, ni tête qui tourne, ni caméra qui brouille un grain d'un pixel. L'article, lui, a imprimé les siennes et les a portées. L'attaquant connaît ici tous les poids ; la leçon 6.2 a montré que s'en passer est possible, mais moins sûr. Enfin, un humain voit ces lunettes.
#
# **Ce qu'un défenseur en fait.** Mesurer d'abord ce que font des accessoires ordinaires, et les mettre dans l'apprentissage. Évaluer par cible, et non en moyenne. Demander d'ôter les lunettes, ou plusieurs poses. Ne pas compter sur le secret du réseau. Et tester la défense contre un attaquant qui la connaît : c'est la leçon 6.5.
#
# ## À retenir
#
# - Un **témoin** d'abord : si des lunettes noires trompent le réseau, des lunettes calculées ne prouvent rien.
# - L'attaque physique est celle de la leçon 6.2, restreinte à un **masque**, et moyennée sur les **poses** : une monture pour toutes les photographies, mesurée sur d'autres.
# - Variation totale et non-imprimabilité rapprochent du monde réel, et **coûtent** ; vérifiez par une mesure ce que chacune rapporte.
# - Esquiver est facile, usurper dépend de la **cible** : donnez le succès cible par cible, avec un intervalle.
#
# ## Questionnaire
#
# 1. Une attaque par lunettes réussit 60 fois sur 100. Que demandez-vous avant d'être impressionné ?
# 2. Pourquoi optimiser la même monture sur cinq photographies, et la mesurer sur cinq autres ?
# 3. Un dégradé régulier du noir au blanc et un bord net ont la même hauteur. Lequel a la plus grande variation totale, le long d'une ligne ?
# 4. Pourquoi le score de non-imprimabilité est-il un produit, plutôt que la distance à la couleur la plus proche ?
# 5. Pourquoi l'intervalle de Wilson est-il ici un peu optimiste ?
# 6. Un réseau reconnaît 98 % des visages, et une usurpation réussit en moyenne une fois sur vingt. Est-il sûr ?
#
# <details><summary>Réponses</summary>
#
# 1. Ce que font des lunettes ordinaires, de même forme, sur le même réseau. 2. Pour qu'elle serve quand le visage bouge, et pour mesurer cela, et non la mémoire des photographies attaquées. 3. Ni l'un ni l'autre : les écarts s'ajoutent, et leur somme est la hauteur dans les deux cas. 4. Le produit s'annule aussi sur chaque couleur imprimable, mais il est dérivable partout entre elles : la distance à la plus proche ne l'est pas à mi-chemin entre deux. 5. Il suppose 200 essais indépendants, et les cinq photographies d'une personne portent la même monture. 6. Cela dépend de la cible la plus facile : une moyenne de 5 % peut cacher une personne que l'on usurpe à chaque fois.
#
# </details>
#
# ## Pour aller plus loin
#
# - Portez les lunettes d'une personne sur une autre : `glasses.wear(x_new, colours[(y_new + 1) % 40], mask, boxes_new)`. Échappe-t-elle aussi au réseau ?
# - Entraînez un second réseau averti avec une autre graine, et montrez-lui les lunettes faites contre le premier : que reste-t-il sans les poids ?
# - Ajoutez les lunettes adverses à l'apprentissage, puis recommencez l'attaque contre ce nouveau réseau : qui gagne ? La leçon 6.5 le fait pour PGD.
