"""From source, config and builder image to the Dockerfile of a source-to-image build, with everything there is to say.

The order of the questions is s2i's: scripts given by hand, those of the repository, those of the builder.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from hublish.builders.s2i.builderfacts import BuilderFacts, check_scripts, parse_scripts_folder, read_builder
from hublish.builders.s2i.context import S2IContext, make_s2i_context
from hublish.builders.s2i.dockerfile import S2IBuild, render_s2i_dockerfile
from hublish.builders.s2i.environment import ENVIRONMENT_PATH, Variables, parse_environment
from hublish.builders.s2i.variables import LockInputs, VariableInputs, check_lock, make_variables
from hublish.builders.sourcefiles import read_source_file, resolve_file
from hublish.core.config.file import Config, ImageConfig, S2IConfig
from hublish.core.finding import Finding, Severity, has_error
from hublish.core.ports import Source
from hublish.core.reference import Reference
from hublish.errors import ValueInvalid
from hublish.oci.image import ImageSpec

_REQUIRED = {"assemble": "installs the source", "run": "starts the image"}


@dataclass(frozen=True, slots=True, kw_only=True)
class S2IInputs:
    """What a source-to-image build is planned from.

    Attributes:
        source: the opened source tree.
        config: the config at that commit.
        options: its block `s2i`, or the defaults.
        image: the image that is made.
        builder: the builder image, pinned by digest without a tag.
        spec: the builder image's config.
    """

    source: Source
    config: Config
    options: S2IConfig
    image: ImageConfig
    builder: Reference
    spec: ImageSpec


def plan_s2i(inputs: S2IInputs) -> tuple[str | None, bool, tuple[Finding, ...]]:
    """Plan the build.

    Returns:
        `(Dockerfile, whether the repository's own scripts are used, findings)`; no Dockerfile when one is an error.

    Raises:
        SourceInvalid: a file that is read is larger than any parser takes.
    """
    options, config = inputs.options, inputs.config
    own_scripts = options.scripts_url is None
    facts, findings = read_builder(inputs.spec, path=config.path)
    context, more = make_s2i_context(inputs.source, folder=options.context, own_scripts=own_scripts)
    findings += more
    scripts, more = _find_scripts(inputs, facts, context)
    findings += more
    variables, more = _make_environment(inputs, facts, context)
    findings += more
    if has_error(findings):
        return None, own_scripts, findings
    user = options.user or facts.user
    text = render_s2i_dockerfile(
        S2IBuild(
            builder=inputs.builder,
            scripts=scripts,
            scripts_url=options.scripts_url,
            provided=context.scripts,
            destination=facts.destination,
            user=user,
            final_user=facts.own_user if user in ("root", "0") else None,
            environment=variables,
            commit=inputs.source.tree.commit,
            context=options.context,
            title=inputs.image.reference.name,
        )
    )
    return text, own_scripts, findings


def _find_scripts(inputs: S2IInputs, facts: BuilderFacts, context: S2IContext) -> tuple[str, tuple[Finding, ...]]:
    url = inputs.options.scripts_url
    if url is None:
        found = check_scripts(facts, provided=context.scripts, required=_REQUIRED, path=inputs.config.path)
        return facts.scripts, found
    try:
        return parse_scripts_folder(url), ()
    except ValueInvalid as error:
        key = "build.build-source-script" if inputs.config.legacy else "s2i.scripts_url"
        finding = Finding(
            severity=Severity.ERROR,
            code="ScriptsRefused",
            message=error.message,
            hint="name a folder in the builder image",
            path=inputs.config.path,
            key=key,
        )
        return facts.scripts, (finding,)


def _make_environment(
    inputs: S2IInputs, facts: BuilderFacts, context: S2IContext
) -> tuple[Variables, tuple[Finding, ...]]:
    prefix = "" if inputs.options.context == "." else inputs.options.context + "/"
    place = prefix + ENVIRONMENT_PATH
    own: Variables = ()
    findings: tuple[Finding, ...] = ()
    if context.environment is not None:
        own, findings = parse_environment(read_source_file(inputs.source, context.environment), path=place)
    variables, more = make_variables(
        VariableInputs(
            builder=facts.environment,
            file=own,
            config=inputs.options.environment,
            image_name=inputs.image.reference.name,
            repository_name=inputs.source.tree.name,
            legacy=inputs.config.legacy,
            place=place,
        )
    )
    files = {file.path.removeprefix(prefix): file for file in inputs.source.tree.files if file.path.startswith(prefix)}
    lock_findings = check_lock(
        LockInputs(
            variables={**dict(facts.environment), **dict(variables)},
            paths=frozenset(files),
            prefix=prefix,
            read=partial(_read, inputs.source),
            own_assemble="assemble" in context.scripts,
            place=place,
        )
    )
    return variables, (*findings, *more, *lock_findings)


def _read(source: Source, path: str) -> bytes | None:
    file = resolve_file({file.path: file for file in source.tree.files}, path)
    return None if file is None else read_source_file(source, file.path)
