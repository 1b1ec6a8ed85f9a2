"""The one typed client of the service: window and command line do everything through it.

Every method raises the errors of `agent.domain.errors`, rebuilt from the service's problem details, and nothing else;
cancelling the task that awaits a method cancels the request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import httpx
from pydantic import SecretStr

from agent.api import (
    app_models,
    clearing_models,
    configuration_models,
    flow_models,
    live_models,
    log_models,
    operator_models,
    record_models,
    run_models,
    schedule_models,
    service_models,
    setting_models,
    vault_models,
)
from agent.api.alerts import AlertCalls
from agent.api.bookmarks import Bookmarks
from agent.api.calls import PREFIX, Calls, error_of, unreachable
from agent.api.corrections import Corrections
from agent.api.database import DatabaseCalls
from agent.api.endpoint import NO_TLS, Endpoint
from agent.api.filter_templates import FilterTemplates
from agent.api.flow_test_models import FlowTestReport
from agent.api.functions import Functions
from agent.api.lookups import Lookups
from agent.api.packages import Packages
from agent.api.previews import Previews
from agent.api.real_time import RealTime
from agent.api.records import Records
from agent.api.reruns import Reruns
from agent.api.snapshots import Snapshots
from agent.api.variables import Variables
from agent.api.versions import DEPLOY_SECONDS, Versions
from agent.domain.packet import SyncState

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class AgentClient:
    """A client for one service. Use it in one event loop, as an async context manager.

    Args:
        endpoint: The service's address and token.
        session: The operator's session token, where one signed in.
        transport: For tests; the default goes over loopback.
    """

    def __init__(
        self, endpoint: Endpoint, *, session: str | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {endpoint.token.reveal()}"}
        if session:
            headers["Operator-Session"] = session
        self._http = httpx.AsyncClient(
            base_url=endpoint.url,
            headers=headers,
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=False,
            verify=NO_TLS,
        )
        calls = Calls(self._http)
        self.records, self.bookmarks, self.alerts = Records(calls), Bookmarks(calls), AlertCalls(calls)
        self.functions, self.lookups = Functions(calls), Lookups(calls)
        self.reruns, self.previews, self.snapshots = Reruns(calls), Previews(calls), Snapshots(calls)
        self.real_time, self.database = RealTime(calls), DatabaseCalls(calls)
        self._get, self._get_list, self._send, self._call = calls.get, calls.get_list, calls.send, calls.call
        self.versions, self.packages = Versions(calls), Packages(calls)
        self.variables, self.corrections = Variables(calls), Corrections(calls)
        self.filter_templates = FilterTemplates(calls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    # -- the service ---------------------------------------------------------------------------------------------

    async def health(self) -> service_models.Health:
        """Whether the service answers."""
        return await self._get("/health", service_models.Health)

    async def state(self) -> service_models.ServiceState:
        """What the service is and does."""
        return await self._get("/state", service_models.ServiceState)

    async def stop(self) -> None:
        """Ask the service to drain its runs to their next checkpoint and end."""
        await self._call("POST", "/stop")

    async def set_up_vault(self, choice: vault_models.VaultSetUp) -> vault_models.Vault:
        """Choose where the vault's key comes from."""
        return await self._send("PUT", "/vault", vault_models.Vault, choice)

    async def change_vault_source(self, change: vault_models.VaultSourceChange) -> vault_models.Vault:
        """Let the key of the open vault come from another source; the secrets stay, the key before opens no more."""
        return await self._send("PUT", "/vault/source", vault_models.Vault, change)

    async def unlock_vault(self, passphrase: str | None = None) -> vault_models.Vault:
        """Open a locked vault."""
        secret = SecretStr(passphrase) if passphrase is not None else None
        return await self._send(
            "POST", "/vault/unlock", vault_models.Vault, vault_models.VaultUnlock(passphrase=secret)
        )

    # -- operators -----------------------------------------------------------------------------------------------

    async def sign_in(self, name: str, password: str) -> operator_models.Session:
        """Sign in, or create the first operator; later calls of this client speak for that operator."""
        request = operator_models.SignIn(name=name, password=SecretStr(password))
        session = await self._send("POST", "/sessions", operator_models.Session, request)
        self._http.headers["Operator-Session"] = session.token
        return session

    async def change_password(self, name: str, old: str, new: str) -> None:
        """Change an operator's password. Every session of that operator ends, also that of this client."""
        change = operator_models.PasswordChange(name=name, old=SecretStr(old), new=SecretStr(new))
        await self._call("PUT", "/operators/password", body=change)

    async def sign_off(self) -> None:
        """End the operator's session."""
        await self._call("DELETE", "/sessions")
        self._http.headers.pop("Operator-Session", None)

    # -- apps ----------------------------------------------------------------------------------------------------

    async def apps(self) -> list[app_models.App]:
        """Every app that has a connector here."""
        return await self._get_list("/apps", app_models.App)

    async def schemas(self, app: str) -> list[app_models.Schema]:
        """An app's schemas with their attributes and actions."""
        return await self._get_list(f"/apps/{app}/schemas", app_models.Schema)

    async def described(self, configuration_id: str) -> list[app_models.Schema]:
        """The schemas that are there at the other end of a configuration: of a database its tables and views."""
        return await self._get_list(f"/configurations/{configuration_id}/schemas", app_models.Schema)

    async def configurations(self) -> list[configuration_models.Configuration]:
        """Every App Configuration."""
        return await self._get_list("/configurations", configuration_models.Configuration)

    async def save_configuration(self, draft: configuration_models.ConfigurationDraft) -> configuration_models.Saved:
        """Save: store the plain values and put the secrets into the vault."""
        return await self._send("POST", "/configurations", configuration_models.Saved, draft)

    async def remove_configuration(self, configuration_id: str) -> None:
        """Remove a configuration and its secrets. Refused while a deployed processflow uses it."""
        await self._call("DELETE", f"/configurations/{configuration_id}")

    async def validate(self, draft: configuration_models.ConfigurationDraft) -> configuration_models.Validation:
        """Start a validation; its progress arrives as events and through `validation`."""
        return await self._send("POST", "/validations", configuration_models.Validation, draft)

    async def validation(self, validation_id: str, *, wait_seconds: float = 0) -> configuration_models.Validation:
        """A validation; waits for its next progress or its end for up to `wait_seconds` (at most 20)."""
        return await self._get(
            f"/validations/{validation_id}", configuration_models.Validation, wait_seconds=wait_seconds
        )

    async def cancel_validation(self, validation_id: str) -> configuration_models.Validation:
        """Cancel a validation; the request in flight is dropped."""
        return await self._send("DELETE", f"/validations/{validation_id}", configuration_models.Validation)

    # -- processflows ------------------------------------------------------------------------------------------

    async def samples(self) -> list[flow_models.Sample]:
        """The processflows that ship with the agent."""
        return await self._get_list("/samples", flow_models.Sample)

    async def check_flow(self, request: flow_models.DocumentRequest) -> flow_models.CheckResult:
        """Check a document without executing anything."""
        return await self._send("POST", "/flows/check", flow_models.CheckResult, request)

    async def test_flow(self, request: flow_models.DocumentRequest) -> FlowTestReport:
        """Run the tests of a document; no app is asked."""
        return await self._send("POST", "/flows/test", FlowTestReport, request, timeout_seconds=DEPLOY_SECONDS)

    async def test_deployed(self, name: str) -> FlowTestReport:
        """Run the tests of a deployed processflow; no app is asked."""
        return await self._send("POST", f"/flows/{name}/test", FlowTestReport, timeout_seconds=DEPLOY_SECONDS)

    async def deploy(self, request: flow_models.DocumentRequest) -> flow_models.Deployed:
        """Deploy or redeploy a document; a `DeployRequest` says more. Cancelling the task cancels the deployment."""
        return await self._send("POST", "/flows", flow_models.Deployed, request, timeout_seconds=DEPLOY_SECONDS)

    async def flows(self) -> list[flow_models.Flow]:
        """Every deployed processflow."""
        return await self._get_list("/flows", flow_models.Flow)

    async def flow(self, name: str) -> flow_models.FlowDetail:
        """One deployed processflow with its document."""
        return await self._get(f"/flows/{name}", flow_models.FlowDetail)

    async def undeploy(self, name: str) -> flow_models.Undeployed:
        """Withdraw a processflow. Its history, bookmarks and Sync Info stay."""
        return await self._send("DELETE", f"/flows/{name}", flow_models.Undeployed)

    # -- schedules ---------------------------------------------------------------------------------------------

    async def schedule(self, name: str) -> schedule_models.Schedule:
        """The schedule of a processflow; its plan is manual where it has none."""
        return await self._get(f"/flows/{name}/schedule", schedule_models.Schedule)

    async def set_schedule(self, name: str, plan: schedule_models.ScheduleChange) -> schedule_models.Schedule:
        """Change when a processflow runs by itself, at once."""
        return await self._send("PUT", f"/flows/{name}/schedule", schedule_models.Schedule, plan)

    async def clear_schedule(self, name: str) -> schedule_models.Schedule:
        """Let a processflow run by hand only."""
        return await self._send("DELETE", f"/flows/{name}/schedule", schedule_models.Schedule)

    async def preview_schedule(
        self, plan: schedule_models.ScheduleChange, *, flow: str = ""
    ) -> schedule_models.SchedulePreview:
        """What a plan means, without changing anything."""
        request = schedule_models.SchedulePreviewRequest(plan=plan, flow=flow)
        return await self._send("POST", "/schedules/preview", schedule_models.SchedulePreview, request)

    # -- runs --------------------------------------------------------------------------------------------------

    async def execute(self, name: str) -> run_models.Run:
        """Start a run now."""
        return await self._send("POST", f"/flows/{name}/runs", run_models.Run)

    async def runs(self, *, flow: str = "", after: str = "", limit: int = 50) -> run_models.RunPage:
        """Runs, newest first."""
        return await self._get("/runs", run_models.RunPage, flow=flow, after=after, limit=limit)

    async def run(self, run_id: str, *, wait_seconds: float = 0) -> run_models.Run:
        """One run; waits for its end for up to `wait_seconds` (at most 20)."""
        return await self._get(f"/runs/{run_id}", run_models.Run, wait_seconds=wait_seconds)

    async def cancel_run(self, run_id: str) -> run_models.Run:
        """Cancel a run: it stops after the packet in flight."""
        return await self._send("POST", f"/runs/{run_id}/cancel", run_models.Run)

    async def sync_info(
        self, name: str, *, state: SyncState | None = None, search: str = "", after: str = "", limit: int = 100
    ) -> record_models.SyncPage:
        """A processflow's records, newest first."""
        return await self._get(
            f"/flows/{name}/sync-info",
            record_models.SyncPage,
            state=state or "",
            search=search,
            after=after,
            limit=limit,
        )

    # -- log ---------------------------------------------------------------------------------------------------

    async def log_bounds(self) -> log_models.LogBounds:
        """The first and last id of the log."""
        return await self._get("/log/bounds", log_models.LogBounds)

    async def log_page(self, first: int, count: int = 256) -> log_models.LogPage:
        """Lines by id, oldest first."""
        return await self._get("/log", log_models.LogPage, first=first, count=count)

    async def search_log(self, search: log_models.LogSearch) -> log_models.LogHits:
        """Search the whole log. Cancelling the awaiting task stops the search in the service."""
        return await self._send("POST", "/log/searches", log_models.LogHits, search)

    async def log_hits(self, search_id: str, first: int, count: int = 256) -> log_models.LogPage:
        """Hits of a search by row number."""
        return await self._get(f"/log/searches/{search_id}", log_models.LogPage, first=first, count=count)

    async def extend_search(self, search_id: str) -> log_models.LogHits:
        """Add the hits that were logged since the search."""
        return await self._send("POST", f"/log/searches/{search_id}/extend", log_models.LogHits)

    # -- housekeeping and settings ---------------------------------------------------------------------------------

    async def clear_preview(self, target: clearing_models.ClearTarget) -> clearing_models.ClearReport:
        """What clearing would remove."""
        return await self._get(f"/clear/{target}", clearing_models.ClearReport)

    async def clear(self, target: clearing_models.ClearTarget) -> clearing_models.ClearReport:
        """Clear Temp or Cache; never touches credentials, deployments, bookmarks or Sync Info."""
        return await self._send("POST", f"/clear/{target}", clearing_models.ClearReport)

    async def settings(self) -> list[setting_models.Setting]:
        """Every setting with its declaration."""
        return await self._get_list("/settings", setting_models.Setting)

    async def change_setting(self, name: str, value: str) -> setting_models.Setting:
        """Change one setting."""
        return await self._send(
            "PUT", f"/settings/{name}", setting_models.Setting, setting_models.SettingChange(value=value)
        )

    # -- events ------------------------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[live_models.Event]:
        """Events as they happen, until the service ends or the task is cancelled."""
        timeout = httpx.Timeout(None, connect=5.0, read=60.0)
        try:
            async with self._http.stream("GET", f"{PREFIX}/events", timeout=timeout) as response:
                if response.is_error:
                    await response.aread()
                    raise error_of(response)
                async for line in response.aiter_lines():
                    if line.startswith("data:"):
                        yield live_models.Event.model_validate_json(line[5:].strip())
        except httpx.HTTPError as error:
            raise unreachable(error) from error
