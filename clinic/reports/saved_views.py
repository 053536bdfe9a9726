"""Pages of saved views: save one, change or delete it, star a view or a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, current_app, request, url_for

from clinic import clock, wording
from clinic.access import CLINICAL, WRITERS, Role, allow
from clinic.errors import Problem, RuleBroken
from clinic.extensions import db
from clinic.fields import Field
from clinic.form_fields import MultiSelectField, SelectField, StringField
from clinic.forms import RecordForm
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, me, refusals_to, zone
from clinic.reports import asking, line_asking, line_views, saved
from clinic.reports.catalog import REPORTS
from clinic.reports.files import FORMATS
from clinic.reports.line_columns import listed
from clinic.reports.periods import EVERY
from clinic.reports.saved import LIST, SavedView

if TYPE_CHECKING:
    from datetime import date

    from werkzeug.wrappers import Response

bp = Blueprint("saved_views", __name__)
SHARED = {role.value: role.label.capitalize() for role in Role if role in CLINICAL}
NEVER, WITHOUT = "no", "Not on a schedule"
NO_FILE = "Not written into a folder"
FILES = {form: form.upper() for form in FORMATS}
AFTER = (
    "The view is in the list of reports. Figures update each time; each person sees only what they may read. A "
    "view that is made on a schedule is kept on the first day of each period, and you get a notice with a link."
)
LIST_AFTER = (
    "The view is in the list of reports. It keeps no rows: they are always read anew, with what the person who opens "
    "it may read."
)


class SavedListForm(RecordForm):
    """Name and sharing of a saved view; a line list is on no schedule, as it keeps no rows of patients."""

    name = StringField(fact=Field(label="Name", required=True, max_length=80))
    roles = MultiSelectField("Share with", choices=SHARED, hint="Roles of your site. Without one, only you see it")

    def plan(self, every: str = "", folder: str = "") -> None:
        """Offer a schedule, where there is one, and fill in the present one."""

    def fill(self, view: SavedView) -> None:
        """Put what the form says into a view; the caller adds a new one to the session."""
        view.name = wording.recorded(self["name"].data or "").strip()
        if not view.name:
            raise RuleBroken(Problem("Name: required.", "name"))
        view.share(self["roles"].data or ())


class SavedViewForm(SavedListForm):
    """Name, sharing and schedule of a saved view of a report."""

    every = SelectField(
        "Keep the report", choices={NEVER: WITHOUT} | EVERY, required=True,
        hint="On the first day of each; you get a notice",
    )  # fmt: skip

    folder = SelectField(
        "Also save a file", choices={NEVER: NO_FILE} | FILES, required=True,
        hint="Into the folder that the clinic has set for reports, each time the report is kept",
    )  # fmt: skip

    def plan(self, every: str = "", folder: str = "") -> None:
        """Offer a schedule to those who may keep a report, and a file where a folder is set; fill in the present."""
        if me().role not in WRITERS:
            self.offer("every", [(NEVER, WITHOUT)])
        if me().role not in WRITERS or (current_app.config["REPORTS_DIR"] is None and not folder):
            self.offer("folder", [(NEVER, NO_FILE)])
        self.prefill("every", every or NEVER)
        self.prefill("folder", folder or NEVER)

    def fill(self, view: SavedView) -> None:
        """Put what the form says into a view, its schedule too."""
        super().fill(view)
        chosen = self["every"].data
        every = "" if chosen == NEVER else chosen
        folder = self["folder"].data if self["folder"].data in FORMATS else ""
        if folder and not every:
            said = "A file is written each time the report is kept. Choose how often, or no file."
            raise RuleBroken(Problem(said, "folder"))
        if every != view.every:
            view.repeat(every, _today())
        view.folder = folder


@bp.route("/reports/<name>/save", methods=["GET", "POST"])
@allow(CLINICAL)
def new(name: str) -> Answer:
    """Save a report with the period, filters and grouping of the address under a name."""
    report = REPORTS.get(name) or abort(404)
    asked, wrong = asking.read(report, request.args, today=_today())
    if wrong:
        raise RuleBroken(*wrong.values())
    form, said = form_of(SavedViewForm), asked.params(report)
    form.plan()
    if form.validate_on_submit():
        with refusals_to(form, "name"):
            view = SavedView(site_id=me().site_id, owner_id=me().id, report=name, asked=said, every="")
            view.made_at = clock.now()
            _save(form, view)
            return commit_and_redirect(url_for("reports.index"), "View saved.")
    words = " · ".join(f"{label}: {value}" for label, value in asked.said(report, me().site.name))
    return form_page(
        form, heading="Save this view", lede=f"{report.topic}. {words}", save_label="Save the view",
        back_url=url_for("reports.show", name=name, **said), after=AFTER,
    )  # fmt: skip


@bp.route("/reports/lists/<name>/save", methods=["GET", "POST"])
@allow(CLINICAL)
def new_list(name: str) -> Answer:
    """Save a line list with its columns, filters, order and groups under a name."""
    of = listed(name) or abort(404)
    listing, wrong = line_views.asked(of, request.args)
    if wrong:
        raise RuleBroken(*wrong.values())
    form, said = form_of(SavedListForm), line_asking.params(listing)
    if form.validate_on_submit():
        with refusals_to(form, "name"):
            view = SavedView(site_id=me().site_id, owner_id=me().id, report=f"{LIST}{name}", asked=said, every="")
            view.made_at = clock.now()
            _save(form, view)
            return commit_and_redirect(url_for("reports.index"), "View saved.")
    return form_page(
        form, heading="Save this view", lede=line_views.in_words(listing), save_label="Save the view",
        back_url=url_for("lists.show", name=name, **said), after=LIST_AFTER,
    )  # fmt: skip


def _save(form: Any, view: SavedView) -> None:
    if saved.count_of(db.session(), me()) >= saved.MOST:
        raise RuleBroken(f"You have {saved.MOST} saved views. Delete one first.")
    form.fill(view)
    db.session.add(view)


@bp.route("/reports/views/<view_id>", methods=["GET", "POST"])
@allow(CLINICAL)
def change(view_id: str) -> Answer:
    """Change name, sharing and schedule of one's own view."""
    view = _own(view_id)
    form = form_of(SavedListForm if view.listed else SavedViewForm)
    form.plan(view.every, view.folder)
    for key, value in (("name", view.name), ("roles", view.roles or None)):
        form.prefill(key, value)
    if form.validate_on_submit():
        with refusals_to(form, "name"):
            form.fill(view)
            return commit_and_redirect(url_for("reports.index"), "View changed.")
    return form_page(
        form, heading="Change the view", lede=view.topic, save_label="Save the view",
        back_url=url_for("reports.index"), template="reports/view.html", view=view,
        after=LIST_AFTER if view.listed else AFTER,
    )  # fmt: skip


@bp.post("/reports/views/<view_id>/deletion")
@allow(CLINICAL)
def delete(view_id: str) -> Response:
    """Delete one's own view; what was kept of it stays."""
    db.session.delete(_own(view_id))
    return commit_and_redirect(url_for("reports.index"), "View deleted. Reports that were kept of it stay.")


@bp.post("/stars")
@allow(CLINICAL)
def star() -> Response:
    """Star a report or a view for oneself, or no longer."""
    what = request.form.get("what", "")
    if what not in REPORTS and what not in {view.id for view in saved.seen_by(db.session(), me())}:
        abort(404)
    saved.star(db.session(), me(), what, on=request.form.get("on") == "yes")
    return commit_and_redirect(url_for("reports.index"))


def _own(view_id: str) -> SavedView:
    view = db.session.get(SavedView, view_id)
    if view is None or view.owner_id != me().id or not view.known:
        abort(404)
    return view


def _today() -> date:
    return clock.day(clock.now(), zone())
