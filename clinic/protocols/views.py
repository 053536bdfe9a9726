"""Pages of protocols: the list, one protocol, one version in full, and the way of a version to publication."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import Blueprint, abort, render_template, request, url_for
from sqlalchemy import select

from clinic import clock
from clinic.access import EVERYBODY, Role, allow
from clinic.accounts.models import User
from clinic.accounts.security import WrongPassword, recheck
from clinic.errors import RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.idempotency import address
from clinic.ledger.listener import set_actor
from clinic.pages import find, form_of, me, saved, zone
from clinic.protocols import wording
from clinic.protocols.catalogues import FIELDS
from clinic.protocols.claims import claims
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.protocols.forms import CodeForm, CopyForm, DraftForm, draft_form, flat
from clinic.protocols.listing import by_field, list_protocols
from clinic.protocols.models import Protocol, ProtocolVersion, Stage
from clinic.protocols.problems import problems
from clinic.steps import Blocked

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from clinic.protocols.content import Content

bp = Blueprint("protocols", __name__, template_folder="templates")

DRAFTS = frozenset({Role.DIRECTOR, Role.QUALITY})
PUBLISHES = frozenset({Role.DIRECTOR})
CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,29}")
SHIPPED = "demonstration:"


def _version_url(version: ProtocolVersion) -> str:
    return url_for("protocols.version", version_id=version.id)


@bp.get("/protocols")
@allow(EVERYBODY)
def index() -> str:
    """List the protocols of the site, field by field."""
    field = request.args.get("field", "")
    after = request.args.get("after", "")
    found, more = list_protocols(db.session(), field=field if field in FIELDS else "", after=after)
    return render_template(
        "protocols/index.html",
        groups=by_field(found),
        fields=FIELDS.values(),
        field=field,
        may_draft=me().role in DRAFTS,
        more_url=url_for("protocols.index", field=field or None, after=more) if more else None,
    )


@bp.get("/protocols/<protocol_id>")
@allow(EVERYBODY)
def show(protocol_id: str) -> str:
    """Show one protocol with all its versions."""
    protocol = find(Protocol, protocol_id)
    drafted = any(version.stage is Stage.DRAFT for version in protocol.versions)
    now = protocol.published() or protocol.versions[-1]
    return render_template(
        "protocols/show.html",
        protocol=protocol,
        now=now,
        claims=claims(now.says),
        may_draft=me().role in DRAFTS and not drafted,
        plan=wording.plan(now.says),
    )


@bp.get("/protocols/versions/<version_id>")
@allow(EVERYBODY)
def version(version_id: str) -> str:
    """Show one version in full: what it allows, asks, limits, and says of itself."""
    chosen = find(ProtocolVersion, version_id)
    says, role, draft = chosen.says, me().role, chosen.stage is Stage.DRAFT
    earlier = next((v for v in reversed(chosen.protocol.versions) if v.number < chosen.number), None)
    return render_template(
        "protocols/version.html",
        version=chosen,
        says=says,
        telling=wording,
        claims=claims(says),
        earlier=earlier,
        wrong=problems(says) if draft else [],
        edit_url=url_for("protocols.edit", version_id=version_id) if draft and role in DRAFTS else None,
        publish_url=url_for("protocols.publication", version_id=version_id) if draft and role in PUBLISHES else None,
        retire_url=url_for("protocols.retirement", version_id=version_id)
        if chosen.stage is Stage.PUBLISHED and role in PUBLISHES
        else None,
        authors=", ".join(_authors(chosen)),
    )


def _authors(version: ProtocolVersion) -> list[str]:
    rows = db.session.execute(select(User.id, User.printed_name).where(User.id.in_(version.author_ids)))
    printed = {row.id: row.printed_name for row in rows}
    return [printed[one] for one in version.author_ids if one in printed] or [version.drafted_by.printed_name]


@bp.get("/protocols/versions/<version_id>/changes")
@allow(EVERYBODY)
def changes(version_id: str) -> str:
    """Show what is different from another version of the same protocol, the one before unless said otherwise."""
    later = find(ProtocolVersion, version_id)
    others = [v for v in later.protocol.versions if v.id != later.id]
    since = request.args.get("since", "")
    before = next((v for v in others if v.id == since), None)
    before = before or next((v for v in reversed(others) if v.number < later.number), None)
    if before is None:
        abort(404)
    return render_template(
        "protocols/changes.html",
        later=later,
        before=before,
        others=others,
        rows=wording.changed(before.says, later.says),
    )


def _copies() -> list[tuple[str, str]]:
    """Return what a version may be copied from: the versions of this site, then the demonstrations that come along."""
    columns = (ProtocolVersion.id, ProtocolVersion.number, ProtocolVersion.title, Protocol.code)
    rows = db.session.execute(
        select(*columns)
        .join(Protocol, Protocol.id == ProtocolVersion.protocol_id)
        .order_by(Protocol.code, ProtocolVersion.number.desc())
        .limit(600)
    )
    own = [(row.id, f"{row.code}, version {row.number}: {row.title}") for row in rows]
    return own + [(f"{SHIPPED}{code}", f"Demonstration {code}: {says.title}") for code, says in DEMONSTRATIONS.items()]


def _start(chosen: str) -> Content:
    if chosen.startswith(SHIPPED):
        return DEMONSTRATIONS[chosen.removeprefix(SHIPPED)]
    return find(ProtocolVersion, chosen).says


@bp.route("/protocols/new", methods=["GET", "POST"])
@allow(DRAFTS)
def new() -> Response | str | tuple[str, int]:
    """Begin a protocol: its code, and a first draft as a copy."""
    form = form_of(CodeForm)
    form.offer("start", _copies())
    if form.validate_on_submit():
        code = form.code.data.upper()
        if not CODE.fullmatch(code):
            form.code.errors = ["Code: write capital letters, digits and hyphens, like BM-MSC-KNEE"]
        elif db.session.scalar(select(Protocol.id).where(Protocol.code == code)):
            form.code.errors = [f"Code: {code} is taken. Draft its next version instead"]
        else:
            protocol = Protocol(site_id=me().site_id, code=code)
            draft = protocol.draft(by=me(), at=clock.now(), content=_start(form.start.data))
            db.session.add(protocol)
            return saved(
                url_for("protocols.edit", version_id=draft.id),
                f"{code} begun. Change the copy; nothing is published yet.",
            )
    page = render_template(
        "records/form.html",
        heading="New protocol",
        lede="It begins as a copy and is a draft until a second person publishes it.",
        form=form,
        save_label="Begin the draft",
        back_url=url_for("protocols.index"),
    )
    return (page, 422) if form.error_list else page


@bp.route("/protocols/<protocol_id>/versions/new", methods=["GET", "POST"])
@allow(DRAFTS)
def new_version(protocol_id: str) -> Response | str | tuple[str, int]:
    """Begin the next version of a protocol as a copy."""
    protocol = find(Protocol, protocol_id)
    form = form_of(CopyForm)
    now = protocol.published() or protocol.versions[-1]
    form.offer("start", _copies(), chosen=now.id, filled="the version in force")
    if form.validate_on_submit():
        draft = protocol.draft(by=me(), at=clock.now(), content=_start(form.start.data))
        return saved(url_for("protocols.edit", version_id=draft.id), f"{draft.name} begun as a draft.")
    page = render_template(
        "records/form.html",
        heading=f"Next version of {protocol.code}",
        form=form,
        save_label="Begin the draft",
        lede="Courses under the version in force go on as they are.",
        back_url=url_for("protocols.show", protocol_id=protocol_id),
    )
    return (page, 422) if form.error_list else page


@bp.route("/protocols/versions/<version_id>/draft", methods=["GET", "POST"])
@allow(DRAFTS)
def edit(version_id: str) -> Response | str | tuple[str, int]:
    """Change a draft."""
    chosen = find(ProtocolVersion, version_id)
    if chosen.stage is not Stage.DRAFT:
        raise RuleBroken("A published version is never changed. Draft the next version instead.")
    form: DraftForm = draft_form(chosen.says, request.form)(
        data=flat(chosen.says), zone=zone(), record_version=chosen.version
    )
    form.offer_conditions(chosen.says.field)
    if form.validate_on_submit():
        _same_draft(chosen)
        chosen.rewrite(form.content(chosen.says), by=me())
        if request.form.get("do") == "more":
            return saved(
                url_for("protocols.edit", version_id=version_id), "Draft kept. There are empty rows again below."
            )
        return saved(_version_url(chosen), "Draft kept.")
    page = render_template(
        "protocols/edit.html",
        heading=f"Draft: {chosen.name}",
        lede=chosen.says.title,
        form=form,
        version=chosen,
        wrong=problems(chosen.says),
        back_url=_version_url(chosen),
    )
    return (page, 422) if form.error_list else page


def _same_draft(chosen: ProtocolVersion) -> None:
    """Refuse a draft that somebody else changed since this form was opened (hazard H18)."""
    if request.form.get("version", "") != str(chosen.version):
        raise RuleBroken(
            "Somebody else changed this draft meanwhile. Nothing of yours was saved. Open the draft again."
        )


@bp.route("/protocols/versions/<version_id>/publication", methods=["GET", "POST"])
@allow(PUBLISHES)
def publication(version_id: str) -> Response | str | tuple[str, int]:
    """Publish a draft: a second person, after the password, and only when nothing is wrong with it."""
    chosen = find(ProtocolVersion, version_id)
    reasons = chosen.not_ready(by=me())
    if reasons:
        who, fix = tuple(sorted(DRAFTS)), ("protocols.version", {"version_id": chosen.id})
        raise StepBlocked(
            "Publication", [Blocked(because=said, who=who, fix=fix, fix_label="Open the draft") for said in reasons]
        )
    earlier, error = chosen.protocol.published(), ""
    if request.method == "POST":
        error = _password_fault(f"{chosen.name} published")
        if not error:
            _same_draft(chosen)
            chosen.publish(by=me(), at=clock.now())
            return saved(_version_url(chosen), f"{chosen.name} is published. New courses begin under it.")
        chosen = find(ProtocolVersion, version_id)
    then = (
        f"{earlier.name} is retired; its courses go on, and a new course needs consent to the new version"
        if earlier
        else ""
    )
    facts = [
        *wording.plan(chosen.says),
        *wording.dose(chosen.says),
        ("Tests", str(len(chosen.says.qc)), ""),
        ("Visits", str(len(chosen.says.visits)), ""),
        *((label, said, "") for label, said in claims(chosen.says)),
        *([("Then", then, "")] if then else []),
    ]
    page = render_template(
        "sign.html",
        heading=f"Publish: {chosen.name}",
        lede=chosen.says.title,
        facts=facts,
        error=error,
        version=chosen.version,
        meaning="I have read this version in full. New courses may begin under it",
        url=address(),
        label="Publish",
        back_url=_version_url(chosen),
    )
    return (page, 422) if error else page


@bp.route("/protocols/versions/<version_id>/retirement", methods=["GET", "POST"])
@allow(PUBLISHES)
def retirement(version_id: str) -> Response | str | tuple[str, int]:
    """Close a version for new courses, after the password."""
    chosen, error = find(ProtocolVersion, version_id), ""
    if chosen.stage is not Stage.PUBLISHED:
        raise RuleBroken("Only a published version can be retired.")
    if request.method == "POST":
        error = _password_fault(f"{chosen.name} retired")
        if not error:
            chosen.retire(by=me(), at=clock.now())
            return saved(
                _version_url(chosen),
                f"{chosen.name} is retired. Its courses go on; no new one begins under it.",
                "wait",
            )
        chosen = find(ProtocolVersion, version_id)
    page = render_template(
        "sign.html",
        heading=f"Retire: {chosen.name}",
        lede=chosen.says.title,
        error=error,
        version=chosen.version,
        label="Retire",
        icon="archive",
        meaning="No new course may begin under this version; the courses that follow it go on",
        url=address(),
        facts=wording.plan(chosen.says),
        back_url=_version_url(chosen),
    )
    return (page, 422) if error else page


def _password_fault(reason: str) -> str:
    """Ask for the password again (law 5); return the sentence where it is wrong."""
    try:
        recheck(me(), request.form.get("password", ""))
    except WrongPassword as fault:
        return str(fault)
    set_actor(db.session(), me().id, reason)
    return ""
