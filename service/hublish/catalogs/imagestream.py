"""A hub's list of ImageStreams: the one entry of an image is created, given a tag, or its tag is moved.

The entry is found by its name, else by the image it lists; there is never a second one. Every other byte of the folder
stays as it is: comments, quotes, order, line ends. Who may change an entry is decided by `hublish.core.github.consent`.

Source: OpenShift `image.openshift.io/v1` ImageStream.
"""

from __future__ import annotations

from collections.abc import Mapping

from hublish.catalogs import yamlnodes
from hublish.catalogs.entry import CatalogEdit, Entry, Pin, make_target
from hublish.catalogs.kustomization import ensure_resource, find_kustomization, is_listed
from hublish.catalogs.streams import ListedStream, ListedTag, find_stream, list_repositories, read_streams
from hublish.catalogs.template import IMPORTED_FROM, make_notes, make_tag, render_imagestream
from hublish.catalogs.yamledit import append_pair, find_node, insert_item, replace_scalar
from hublish.catalogs.yamlnodes import Scalar, make_data, parse_documents, refuse
from hublish.catalogs.yamlrender import Atom, New
from hublish.core.answers.pull_request import EntryAction
from hublish.core.github.consent import check_entry_owner
from hublish.core.reference import Reference, is_tag
from hublish.errors import CatalogInvalid, NotAllowed, clip

_FLOATING = "latest"


def edit_imagestream(files: Mapping[str, str], *, folder: str, entry: Entry) -> CatalogEdit:
    """Bring an entry into a hub's folder of ImageStreams.

    - Not listed yet: a new file, and its line in the kustomization.
    - Listed: a tag with the release's name is added after the others, which stay; if there is one, it is moved. Title,
      description and labels are the hub's and are never changed.
    - A tag of the list that carries one of `entry.floating_tags` and names this image by a digest or by a fixed tag is
      moved as well: its name promises the newest release. One that names a floating tag of the registry follows by
      itself and is left alone; none is created.
    - A moved tag's notes on its content (commit, software, packages) are renewed where they stand; a schedule to import
      it is switched off when it becomes a digest, which the API server demands.

    Args:
        files: path in the repository -> text, of every YAML file of `folder`.
        folder: the list's folder in the repository; "" for the root.
        entry: the image as it should be listed; its reference has a digest.

    Returns:
        The changed files; none when the list says all of it already.

    Raises:
        CatalogInvalid: the list cannot be edited without doubt; the message names file and line.
        NotAllowed: the entry belongs to another source repository.
    """
    if entry.reference.digest is None or not is_tag(entry.release_tag):
        raise CatalogInvalid(
            f"expected an image with digest and tag, got {entry.reference} as {clip(entry.release_tag)}"
        )
    bare = folder.strip("/").removeprefix("./") if folder != "." else ""
    stream = find_stream(read_streams(files), entry)
    if stream is None:
        return _create(files, folder=bare, entry=entry)
    refusal = check_entry_owner(
        listed_url=stream.source_url,
        listed_names=list_repositories(stream),
        source_url=entry.source_url,
        image_name=stream.name,
        image_repository=entry.reference.name,
    )
    if refusal is not None:
        hint = f"Ask a maintainer of the hub to look at {clip(stream.path)}, line {stream.line}."
        raise NotAllowed(refusal, hint=hint)
    return _update(files, stream, folder=bare, entry=entry)


def _create(files: Mapping[str, str], *, folder: str, entry: Entry) -> CatalogEdit:
    kustomization = find_kustomization(files, folder=folder)
    if kustomization is None:
        raise CatalogInvalid(
            f"expected a kustomization.yaml in the folder {clip(folder) or '/'} of the hub's repository, got none",
            hint="Check `folder` in the hub's settings; without a kustomization a new file would reach no cluster.",
        )
    names = (f"{entry.image_name}.yaml", f"{entry.image_name}-imagestream.yaml")
    paths = {name: f"{folder}/{name}" if folder else name for name in names}
    name = next((name for name in names if paths[name] not in files), None)
    if name is None:
        raise CatalogInvalid(f"{' and '.join(paths.values())} exist, but list no image named {entry.image_name}")
    listing = files[kustomization]
    text = render_imagestream(entry, newline="\r\n" if "\r\n" in listing else "\n")
    changes = {paths[name]: text}
    new_listing = ensure_resource(listing, resource=name, path=kustomization)
    if new_listing != listing:
        changes[kustomization] = new_listing
    line = _find_line({paths[name]: text}, entry)
    return CatalogEdit(changes=changes, action=EntryAction.CREATE, path=paths[name], line=line, previous=None)


def _update(files: Mapping[str, str], stream: ListedStream, *, folder: str, entry: Entry) -> CatalogEdit:
    old = files[stream.path]
    text, action = old, EntryAction.ADD_TAG
    for index, tag in enumerate(stream.tags):
        if tag.name == entry.release_tag or _is_left_behind(tag, entry):
            text = _move_tag(text, stream, index=index, entry=entry)
        if tag.name == entry.release_tag:
            action = EntryAction.MOVE_TAG
    if action is EntryAction.ADD_TAG:
        text = _add_tag(text, stream, entry=entry)
    return CatalogEdit(
        changes={} if text == old else {stream.path: text},
        action=EntryAction.UNCHANGED if text == old else action,
        path=stream.path,
        line=_find_line({stream.path: text}, entry),
        previous=_find_previous(stream, entry),
        remarks=_make_remarks(files, stream, folder=folder),
    )


def _is_left_behind(tag: ListedTag, entry: Entry) -> bool:
    if tag.name not in entry.floating_tags or tag.image is None or tag.image.name != entry.reference.name:
        return False
    return tag.image.digest is not None or tag.image.tag not in (None, _FLOATING, *entry.floating_tags)


def _move_tag(text: str, stream: ListedStream, *, index: int, entry: Entry) -> str:
    at, path = (*stream.at, "spec", "tags", index), stream.path
    listed = stream.tags[index]
    if listed.target is None:
        refuse(f"the tag {clip(listed.name)!r} names no image of a registry", path=path, line=listed.line)
    notes = make_notes(entry)
    if listed.image is not None and listed.image.name != entry.reference.name:
        notes[IMPORTED_FROM] = entry.reference.name
    wanted: dict[tuple[str, str], Atom] = {("annotations", key): value for key, value in notes.items()}
    wanted["from", "name"] = make_target(entry)
    if entry.pin is Pin.DIGEST:
        wanted["importPolicy", "scheduled"] = False
    for keys, value in wanted.items():
        node = find_node(parse_documents(text, path=path), (*at, *keys))
        if isinstance(node, Scalar) and _differs(node, value):
            text = replace_scalar(text, at=(*at, *keys), value=value, path=path)
    return text


def _differs(node: Scalar, value: Atom) -> bool:
    data = make_data(node)
    # A folded or literal block may end in a line end that belongs to its style, not to what it says.
    return (data.strip() if isinstance(data, str) else data) != value


def _add_tag(text: str, stream: ListedStream, *, entry: Entry) -> str:
    spec_at, path = (*stream.at, "spec"), stream.path
    documents = parse_documents(text, path=path)
    spec = find_node(documents, spec_at)
    if not isinstance(spec, yamlnodes.Mapping):
        refuse("expected the key `spec` with the list of tags", path=path, line=stream.line)
    tag = make_tag(entry, name=entry.release_tag)
    if spec.get("tags") is None:
        return append_pair(text, at=spec_at, key="tags", value=[tag], path=path)
    last = find_node(documents, (*spec_at, "tags", len(stream.tags) - 1)) if stream.tags else None
    if isinstance(last, yamlnodes.Mapping):
        tag |= _read_reference_policy(last)
    return insert_item(text, at=(*spec_at, "tags"), index=len(stream.tags), item=tag, path=path)


def _read_reference_policy(tag: yamlnodes.Mapping) -> dict[str, New]:
    # How a cluster hands out the image (through its own registry or not) is the hub's choice: a new tag follows it.
    policy = tag.get("referencePolicy")
    kind = policy.get("type") if isinstance(policy, yamlnodes.Mapping) else None
    return {"referencePolicy": {"type": kind.value}} if isinstance(kind, Scalar) else {}


def _find_previous(stream: ListedStream, entry: Entry) -> Reference | None:
    same = [tag for tag in stream.tags if tag.name == entry.release_tag]
    if same:
        return same[-1].image
    mine = [tag for tag in stream.tags if tag.image is not None and tag.image.name == entry.reference.name]
    fixed = [tag for tag in mine if tag.name not in (_FLOATING, *entry.floating_tags)]
    return next((tag.image for tag in reversed(fixed or mine)), None)


def _find_line(files: Mapping[str, str], entry: Entry) -> int:
    stream = find_stream(read_streams(files), entry)
    tags = () if stream is None else stream.tags
    return next(tag.line for tag in tags if tag.name == entry.release_tag)


def _make_remarks(files: Mapping[str, str], stream: ListedStream, *, folder: str) -> tuple[str, ...]:
    kustomization = find_kustomization(files, folder=folder)
    name = stream.path.rsplit("/", 1)[-1]
    if kustomization is None or is_listed(files[kustomization], resource=name, path=kustomization):
        return ()
    return (f"{name} is not named in {kustomization}, so no cluster may see this entry.",)
