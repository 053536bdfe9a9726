"""Pages of protocols: the list, one protocol, one version in full, and the way of a version to publication."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request, url_for
from sqlalchemy import select

from clinic import clock
from clinic.access import EVERYBODY, Role, allow
from clinic.accounts.forms import PasswordForm
from clinic.accounts.models import User
from clinic.accounts.security import recheck
from clinic.errors import RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.idempotency import address
from clinic.ledger.listener import set_actor
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to, zone
from clinic.protocols import wording
from clinic.protocols.catalogues import FIELDS
from clinic.protocols.claims import claims
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.protocols.display import publishing, retiring
from clinic.protocols.forms import CodeForm, CopyForm, DraftForm, draft_form, flat
from clinic.protocols.listing import by_field, list_protocols
from clinic.protocols.models import Protocol, ProtocolVersion, Stage, unused_code
from clinic.protocols.problems import problems
from clinic.steps import Blocked

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from clinic.protocols.content import Content

bp = Blueprint("protocols", __name__, template_folder="templates")

DRAFTS = frozenset({Role.DIRECTOR, Role.QUALITY})
PUBLISHES = frozenset({Role.DIRECTOR})
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
    protocol = get_or_404(Protocol, protocol_id)
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
    chosen = get_or_404(ProtocolVersion, version_id)
    says = chosen.says
    return render_template(
        "protocols/version.html",
        version=chosen,
        says=says,
        telling=wording,
        claims=claims(says),
        earlier=next((v for v in reversed(chosen.protocol.versions) if v.number < chosen.number), None),
        wrong=problems(says) if chosen.stage is Stage.DRAFT else [],
        authors=", ".join(_authors(chosen)),
        **_acts_on(chosen, me().role),
    )


def _acts_on(chosen: ProtocolVersion, role: Role) -> dict[str, str | None]:
    """Return the addresses of what a role may do with a version now; None where it is not to be done."""
    draft, published = chosen.stage is Stage.DRAFT, chosen.stage is Stage.PUBLISHED
    named: dict[str, Any] = {"version_id": chosen.id}
    publishes = role in PUBLISHES
    return {
        "edit_url": url_for("protocols.edit", **named) if draft and role in DRAFTS else None,
        "publish_url": url_for("protocols.publication", **named) if draft and publishes else None,
        "retire_url": url_for("protocols.retirement", **named) if published and publishes else None,
    }


def _authors(version: ProtocolVersion) -> list[str]:
    rows = db.session.execute(select(User.id, User.printed_name).where(User.id.in_(version.author_ids)))
    printed = {row.id: row.printed_name for row in rows}
    return [printed[one] for one in version.author_ids if one in printed] or [version.drafted_by.printed_name]


@bp.get("/protocols/versions/<version_id>/changes")
@allow(EVERYBODY)
def changes(version_id: str) -> str:
    """Show what is different from another version of the same protocol, the one before unless said otherwise."""
    later = get_or_404(ProtocolVersion, version_id)
    others = [v for v in later.protocol.versions if v.id != later.id]
    before = next((v for v in others if v.id == request.args.get("since", "")), None)
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
    return get_or_404(ProtocolVersion, chosen).says


@bp.route("/protocols/new", methods=["GET", "POST"])
@allow(DRAFTS)
def new() -> Answer:
    """Begin a protocol: its code, and a first draft as a copy."""
    form = form_of(CodeForm)
    form.offer("start", _copies())
    if form.validate_on_submit():
        with refusals_to(form):
            code = unused_code(db.session(), form.code.data)
            draft = _draft(Protocol(site_id=me().site_id, code=code), form.start.data)
            done = f"{code} started as a copy. Edit it; nothing is published yet."
            return commit_and_redirect(url_for("protocols.edit", version_id=draft.id), done)
    return form_page(
        form,
        heading="New protocol",
        lede="It starts as a copy and stays a draft until a second person publishes it.",
        save_label="Start the draft",
        back_url=url_for("protocols.index"),
    )


def _draft(protocol: Protocol, copied: str) -> ProtocolVersion:
    draft = protocol.draft(by=me(), at=clock.now(), content=_start(copied))
    db.session.add(protocol)
    return draft


@bp.route("/protocols/<protocol_id>/versions/new", methods=["GET", "POST"])
@allow(DRAFTS)
def new_version(protocol_id: str) -> Answer:
    """Begin the next version of a protocol as a copy."""
    protocol = get_or_404(Protocol, protocol_id)
    form, now = form_of(CopyForm), protocol.published() or protocol.versions[-1]
    form.offer("start", _copies(), chosen=now.id, filled="the current version")
    if form.validate_on_submit():
        with refusals_to(form):
            draft = _draft(protocol, form.start.data)
            return commit_and_redirect(
                url_for("protocols.edit", version_id=draft.id), f"{draft.name} started as a draft."
            )
    return form_page(
        form,
        heading=f"Next version of {protocol.code}",
        save_label="Start the draft",
        lede="Courses under the current version continue unchanged.",
        back_url=url_for("protocols.show", protocol_id=protocol_id),
    )


@bp.route("/protocols/versions/<version_id>/draft", methods=["GET", "POST"])
@allow(DRAFTS)
def edit(version_id: str) -> Answer:
    """Change a draft."""
    chosen = get_or_404(ProtocolVersion, version_id)
    if chosen.stage is not Stage.DRAFT:
        raise RuleBroken("A published version is never changed. Draft the next version instead.")
    form = _draft_form(chosen)
    if form.validate_on_submit():
        _same_draft(chosen)
        chosen.rewrite(form.content(chosen.says), by=me())
        return _kept(chosen)
    return form_page(
        form,
        template="protocols/edit.html",
        heading=f"Draft: {chosen.name}",
        lede=chosen.says.title,
        version=chosen,
        wrong=problems(chosen.says),
        back_url=_version_url(chosen),
    )


def _draft_form(chosen: ProtocolVersion) -> DraftForm:
    kind = draft_form(chosen.says, request.form)
    form = kind(data=flat(chosen.says), zone=zone(), record_version=str(chosen.version))
    form.offer_conditions(chosen.says.field)
    return form


def _kept(chosen: ProtocolVersion) -> Response:
    if request.form.get("do") != "more":
        return commit_and_redirect(_version_url(chosen), "Draft saved.")
    more_url = url_for("protocols.edit", version_id=chosen.id)
    return commit_and_redirect(more_url, "Draft saved. Empty rows were added below.")


def _same_draft(chosen: ProtocolVersion) -> None:
    """Refuse a draft that somebody else changed since this form was opened (hazard H18)."""
    if request.form.get("version", "") != str(chosen.version):
        raise RuleBroken(
            "Another user changed this draft in the meantime. Your changes were not saved. Open the draft again."
        )


@bp.route("/protocols/versions/<version_id>/publication", methods=["GET", "POST"])
@allow(PUBLISHES)
def publication(version_id: str) -> Answer:
    """Publish a draft: a second person, after the password, and only when nothing is wrong with it."""
    chosen = get_or_404(ProtocolVersion, version_id)
    _may_publish(chosen)
    form = form_of(PasswordForm)
    if form.validate_on_submit():
        with refusals_to(form):
            _recheck(form, f"{chosen.name} published")
            _same_draft(chosen)
            chosen.publish(by=me(), at=clock.now())
            done = f"{chosen.name} is published. New courses use it."
            return commit_and_redirect(_version_url(chosen), done)
    return form_page(form, template="sign.html", url=address(), **publishing(chosen), back_url=_version_url(chosen))


def _may_publish(chosen: ProtocolVersion) -> None:
    reasons = chosen.not_ready(by=me())
    if reasons:
        who, fix = tuple(sorted(DRAFTS)), ("protocols.version", {"version_id": chosen.id})
        blocked = [Blocked(because=said, who=who, fix=fix, fix_label="Open the draft") for said in reasons]
        raise StepBlocked("Publication", blocked)


@bp.route("/protocols/versions/<version_id>/retirement", methods=["GET", "POST"])
@allow(PUBLISHES)
def retirement(version_id: str) -> Answer:
    """Close a version for new courses, after the password."""
    chosen = get_or_404(ProtocolVersion, version_id)
    if chosen.stage is not Stage.PUBLISHED:
        raise RuleBroken("Only a published version can be retired.")
    form = form_of(PasswordForm)
    if form.validate_on_submit():
        with refusals_to(form):
            _recheck(form, f"{chosen.name} retired")
            chosen.retire(by=me(), at=clock.now())
            done = f"{chosen.name} is retired. Its courses continue; no new course can use it."
            return commit_and_redirect(_version_url(chosen), done, "wait")
    return form_page(form, template="sign.html", url=address(), **retiring(chosen), back_url=_version_url(chosen))


def _recheck(form: PasswordForm, reason: str) -> None:
    """Ask for the password again (law 5), and keep the reason with what is done."""
    recheck(me(), form.password.data or "")
    set_actor(db.session(), me().id, reason)
