"""How tests edit a list of ImageStreams."""

from hublish.catalogs.entry import CatalogEdit, Entry
from hublish.catalogs.imagestream import edit_imagestream
from tests.unit.catalogs.catalog_samples import (
    ENTRY,
    FOLDER,
)

PATH = f"{FOLDER}/ts.yaml"


def edit(files: dict[str, str], entry: Entry = ENTRY) -> CatalogEdit:
    return edit_imagestream(files, folder=FOLDER, entry=entry)
