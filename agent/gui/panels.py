"""Makes each panel: a view, its presenter, and the signals between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from agent.gui.alerts.presenter import AlertsPresenter
from agent.gui.alerts.view import AlertsPage
from agent.gui.apps.presenter import AppsPresenter
from agent.gui.apps.view import AppsPage, FormOpener
from agent.gui.bridge import Bridge
from agent.gui.catalog import Catalog
from agent.gui.flows.presenter import FlowsPresenter
from agent.gui.flows.view import FlowsPage
from agent.gui.home.presenter import HomePresenter
from agent.gui.home.view import HomePage
from agent.gui.log.presenter import LogPresenter
from agent.gui.log.view import LogPage
from agent.gui.lookups.presenter import LookupsPresenter
from agent.gui.lookups.view import LookupsPage
from agent.gui.panel import Navigator, Panel, Presenter
from agent.gui.settings.presenter import SettingsPresenter
from agent.gui.settings.view import SettingsPage
from agent.gui.sync_info.presenter import SyncInfoPresenter
from agent.gui.sync_info.view import SyncInfoPage
from agent.gui.widgets.page import Page

AnyPanel: TypeAlias = Panel[Page, Presenter]


@dataclass(frozen=True, slots=True)
class Parts:
    """What every panel is made of."""

    bridge: Bridge
    catalog: Catalog
    go: Navigator
    now: Callable[[], datetime]


def home(parts: Parts) -> Panel[HomePage, HomePresenter]:
    """Home."""
    view = HomePage()
    presenter = HomePresenter(view, parts.bridge.scope(), parts.catalog, parts.go, parts.now)
    view.cancel_clicked.connect(presenter.cancel)
    view.flow_chosen.connect(presenter.open_flow)
    view.alerts_clicked.connect(parts.go.open_alerts)
    view.grew_old.connect(presenter.show)
    return Panel("Home", "house", view, presenter, "index")


def alerts(parts: Parts) -> Panel[AlertsPage, AlertsPresenter]:
    """Alerts."""
    view = AlertsPage()
    presenter = AlertsPresenter(view, parts.bridge.scope(), parts.catalog, parts.go, parts.now)
    view.cure_clicked.connect(presenter.cure)
    view.acknowledge_clicked.connect(presenter.acknowledge)
    view.grew_old.connect(presenter.show)
    return Panel("Alerts", "bell", view, presenter, "alerts")


def apps(parts: Parts, open_form: FormOpener) -> Panel[AppsPage, AppsPresenter]:
    """App Configurations."""
    view = AppsPage(open_form)
    presenter = AppsPresenter(view, parts.bridge.scope(), parts.catalog, parts.go, parts.now)
    view.add_clicked.connect(presenter.add)
    view.validate_clicked.connect(presenter.validate)
    view.edit_clicked.connect(presenter.edit)
    view.remove_clicked.connect(presenter.remove)
    view.remove_confirmed.connect(presenter.remove_confirmed)
    return Panel("App Configurations", "plug", view, presenter, "app-configurations")


def flows(parts: Parts) -> Panel[FlowsPage, FlowsPresenter]:
    """Processflows."""
    view = FlowsPage()
    presenter = FlowsPresenter(view, parts.bridge.scope(), parts.catalog, parts.go, parts.now)
    view.deploy_clicked.connect(presenter.deploy)
    view.execute_clicked.connect(presenter.execute)
    view.cancel_clicked.connect(presenter.cancel)
    view.redeploy_clicked.connect(presenter.redeploy)
    view.undeploy_clicked.connect(presenter.undeploy)
    view.undeploy_confirmed.connect(presenter.undeploy_confirmed)
    view.records_clicked.connect(presenter.show_records)
    view.log_clicked.connect(presenter.show_log)
    view.room_chosen.connect(presenter.open_room)
    view.past_clicked.connect(parts.go.open_past)
    view.library_clicked.connect(parts.go.open_library)
    view.searched.connect(presenter.search)
    view.standing_chosen.connect(presenter.choose)
    view.more_clicked.connect(presenter.more)
    view.grew_old.connect(presenter.show)
    return Panel("Processflows", "workflow", view, presenter, "processflows")


def sync_info(parts: Parts) -> Panel[SyncInfoPage, SyncInfoPresenter]:
    """Sync Info."""
    view = SyncInfoPage()
    presenter = SyncInfoPresenter(view, parts.bridge.scope(), parts.catalog, parts.go.say)
    view.flow_chosen.connect(presenter.choose_flow)
    view.state_chosen.connect(presenter.choose_state)
    view.searched.connect(presenter.search)
    view.more_wanted.connect(presenter.more)
    view.copied.connect(lambda: parts.go.say("Copied"))
    view.retry_clicked.connect(presenter.retry)
    view.skip_confirmed.connect(presenter.skip)
    view.unskip_clicked.connect(presenter.unskip)
    view.delete_confirmed.connect(presenter.delete)
    view.export_chosen.connect(presenter.export)
    view.cure_clicked.connect(parts.go.open_cure)
    view.history_clicked.connect(parts.go.open_history)
    view.flows_wanted.connect(parts.go.open_flows)
    return Panel("Sync Info", "list-checks", view, presenter, "sync-info")


def lookups(parts: Parts) -> Panel[LookupsPage, LookupsPresenter]:
    """Lookups."""
    view = LookupsPage()
    presenter = LookupsPresenter(view, parts.bridge.scope(), parts.go.say)
    view.table_chosen.connect(presenter.choose)
    view.searched.connect(presenter.search)
    view.more_wanted.connect(presenter.more)
    view.table_named.connect(presenter.make)
    view.description_given.connect(presenter.describe)
    view.row_given.connect(presenter.put)
    view.rows_removed.connect(presenter.remove_rows)
    view.cleared.connect(presenter.clear)
    view.removed.connect(presenter.remove)
    view.file_chosen.connect(presenter.look_at)
    view.import_looked_at.connect(presenter.look_again)
    view.import_confirmed.connect(presenter.import_file)
    view.export_chosen.connect(presenter.export)
    return Panel("Lookups", "table", view, presenter, "lookups")


def log(parts: Parts) -> Panel[LogPage, LogPresenter]:
    """Log."""
    view = LogPage()
    presenter = LogPresenter(view, parts.bridge.scope(), parts.catalog)
    view.filtered.connect(presenter.apply)
    view.page_wanted.connect(presenter.request)
    view.copied.connect(lambda: parts.go.say("Copied"))
    return Panel("Log", "scroll-text", view, presenter, "log")


def settings(
    parts: Parts,
    *,
    own_theme: Callable[[], str],
    theme_chosen: Callable[[str], object],
    state_wanted: Callable[[], object],
) -> Panel[SettingsPage, SettingsPresenter]:
    """Settings."""
    view = SettingsPage()
    presenter = SettingsPresenter(
        view, parts.bridge.scope(), own_theme=own_theme, theme_chosen=theme_chosen, state_wanted=state_wanted
    )
    view.changed.connect(presenter.change)
    view.vault.open_clicked.connect(parts.go.open_vault)
    return Panel("Settings", "settings", view, presenter, "settings")
