from dataclasses import replace

from localcloud.images.recipe import ImageFile, machine_recipe


def test_the_digest_follows_everything_that_the_image_is_made_from() -> None:
    recipe = machine_recipe()
    changed = [
        replace(recipe, codename="other"),
        replace(recipe, packages=(*recipe.packages, "vim")),
        replace(recipe, files=(*recipe.files, ImageFile("etc/motd", "hello"))),
        replace(recipe, files=tuple(replace(file, mode=0o600) for file in recipe.files)),
        replace(recipe, masked_units=()),
        replace(recipe, enabled_units=()),
    ]
    digests = {one.digest() for one in [recipe, *changed]}
    assert len(digests) == len(changed) + 1
    assert machine_recipe().digest() == recipe.digest()


def test_the_machine_image_holds_no_part_of_a_node() -> None:
    assert not {"containerd", "runc", "etcd-server", "kubernetes-client"} & set(machine_recipe().packages)


def test_every_enabled_unit_is_in_the_image_and_says_what_wants_it() -> None:
    recipe = machine_recipe()
    contents = {file.path: file.content for file in recipe.files}
    for unit in recipe.enabled_units:
        assert "WantedBy=" in contents[f"etc/systemd/system/{unit}"]
        assert unit not in recipe.masked_units
