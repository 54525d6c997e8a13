"""Images in the database: who owns a repository of images, what was delivered, where floating tags point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from hublish.adapters.store.lock import hold
from hublish.adapters.store.schema import floating_tags, image_owners, images, insert_ignore, render_time
from hublish.core.codec import parse_value, render_value
from hublish.core.imagerecords import ImageRecord


class ImageStore:
    """`hublish.core.records.ImageRecords` on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find_owner(self, name: str) -> int | None:
        """Source repository id that owns `registry/repository`; None when nobody does."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(image_owners.c.repo_id).where(image_owners.c.name == name)).first()
        return None if row is None else row.repo_id

    def claim_owner(self, name: str, repo_id: int, *, at: datetime) -> int:
        """Claim a repository of images for a source repository; returns the owner, who may be another."""
        insert = insert_ignore(self._engine, image_owners, name=name, repo_id=repo_id, claimed_at=render_time(at))
        query = sa.select(image_owners.c.repo_id).where(image_owners.c.name == name)
        with self._engine.begin() as connection:
            connection.execute(insert)
            return int(connection.execute(query).scalar_one())

    def record_image(self, name: str, image: ImageRecord, *, at: datetime) -> None:
        """Remember a delivered image."""
        with self._engine.begin() as connection:
            connection.execute(
                insert_ignore(
                    self._engine,
                    images,
                    name=name,
                    digest=image.digest,
                    record=render_value(image),
                    delivered_at=render_time(at),
                )
            )

    def find_image(self, name: str, digest: str) -> ImageRecord | None:
        """A delivered image by its digest."""
        query = sa.select(images.c.record).where(images.c.name == name, images.c.digest == digest)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else parse_value(ImageRecord, row.record)

    @contextmanager
    def hold_repository(self, name: str) -> Iterator[None]:
        """Keep every other run that shares the database from moving tags of a repository of images meanwhile."""
        with hold(self._engine, f"tags of {name}"):
            yield

    def find_release(self, name: str, tag: str) -> str | None:
        """The release a floating tag was last moved to by us."""
        query = sa.select(floating_tags.c.release).where(floating_tags.c.name == name, floating_tags.c.tag == tag)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else row.release

    def record_release(self, name: str, tag: str, release: str, *, at: datetime) -> None:
        """Remember which release a floating tag points at."""
        insert = insert_ignore(
            self._engine, floating_tags, name=name, tag=tag, release=release, moved_at=render_time(at)
        )
        update = (
            floating_tags.update()
            .where(floating_tags.c.name == name, floating_tags.c.tag == tag)
            .values(release=release, moved_at=render_time(at))
        )
        with self._engine.begin() as connection:
            if connection.execute(insert).rowcount != 1:
                connection.execute(update)
