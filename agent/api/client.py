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

from agent.api import models
from agent.api.alerts import AlertCalls
from agent.api.bookmarks import Bookmarks
from agent.api.calls import PREFIX, Calls, error_of, unreachable
from agent.api.corrections import Corrections
from agent.api.database import DatabaseCalls
from agent.api.endpoint import Endpoint
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
            base_url=endpoint.url, headers=headers, timeout=_TIMEOUT, transport=transport, trust_env=False
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

    async def health(self) -> models.Health:
        """Whether the service answers."""
        return await self._get("/health", models.Health)

    async def state(self) -> models.ServiceState:
        """What the service is and does."""
        return await self._get("/state", models.ServiceState)

    async def stop(self) -> None:
        """Ask the service to drain its runs to their next checkpoint and end."""
        await self._call("POST", "/stop")

    async def set_up_vault(self, choice: models.VaultSetUp) -> models.Vault:
        """Choose where the vault's key comes from."""
        return await self._send("PUT", "/vault", models.Vault, choice)

    async def unlock_vault(self, passphrase: str | None = None) -> models.Vault:
        """Open a locked vault."""
        secret = SecretStr(passphrase) if passphrase is not None else None
        return await self._send("POST", "/vault/unlock", models.Vault, models.VaultUnlock(passphrase=secret))

    # -- operators -----------------------------------------------------------------------------------------------

    async def sign_in(self, name: str, password: str) -> models.Session:
        """Sign in, or create the first operator; later calls of this client speak for that operator."""
        request = models.SignIn(name=name, password=SecretStr(password))
        session = await self._send("POST", "/sessions", models.Session, request)
        self._http.headers["Operator-Session"] = session.token
        return session

    async def sign_off(self) -> None:
        """End the operator's session."""
        await self._call("DELETE", "/sessions")
        self._http.headers.pop("Operator-Session", None)

    # -- apps ----------------------------------------------------------------------------------------------------

    async def apps(self) -> list[models.App]:
        """Every app that has a connector here."""
        return await self._get_list("/apps", models.App)

    async def schemas(self, app: str) -> list[models.Schema]:
        """An app's schemas with their attributes and actions."""
        return await self._get_list(f"/apps/{app}/schemas", models.Schema)

    async def configurations(self) -> list[models.Configuration]:
        """Every App Configuration."""
        return await self._get_list("/configurations", models.Configuration)

    async def save_configuration(self, draft: models.ConfigurationDraft) -> models.Saved:
        """Save: store the plain values and put the secrets into the vault."""
        return await self._send("POST", "/configurations", models.Saved, draft)

    async def remove_configuration(self, configuration_id: str) -> None:
        """Remove a configuration and its secrets. Refused while a deployed processflow uses it."""
        await self._call("DELETE", f"/configurations/{configuration_id}")

    async def validate(self, draft: models.ConfigurationDraft) -> models.Validation:
        """Start a validation; its progress arrives as events and through `validation`."""
        return await self._send("POST", "/validations", models.Validation, draft)

    async def validation(self, validation_id: str, *, wait_seconds: float = 0) -> models.Validation:
        """A validation; waits for its next progress or its end for up to `wait_seconds` (at most 20)."""
        return await self._get(f"/validations/{validation_id}", models.Validation, wait_seconds=wait_seconds)

    async def cancel_validation(self, validation_id: str) -> models.Validation:
        """Cancel a validation; the request in flight is dropped."""
        return await self._send("DELETE", f"/validations/{validation_id}", models.Validation)

    # -- processflows ------------------------------------------------------------------------------------------

    async def samples(self) -> list[models.Sample]:
        """The processflows that ship with the agent."""
        return await self._get_list("/samples", models.Sample)

    async def check_flow(self, request: models.DocumentRequest) -> models.CheckResult:
        """Check a document without executing anything."""
        return await self._send("POST", "/flows/check", models.CheckResult, request)

    async def test_flow(self, request: models.DocumentRequest) -> FlowTestReport:
        """Run the tests of a document; no app is asked."""
        return await self._send("POST", "/flows/test", FlowTestReport, request, timeout_seconds=DEPLOY_SECONDS)

    async def test_deployed(self, name: str) -> FlowTestReport:
        """Run the tests of a deployed processflow; no app is asked."""
        return await self._send("POST", f"/flows/{name}/test", FlowTestReport, timeout_seconds=DEPLOY_SECONDS)

    async def deploy(self, request: models.DocumentRequest) -> models.Deployed:
        """Deploy or redeploy a document; a `DeployRequest` says more. Cancelling the task cancels the deployment."""
        return await self._send("POST", "/flows", models.Deployed, request, timeout_seconds=DEPLOY_SECONDS)

    async def flows(self) -> list[models.Flow]:
        """Every deployed processflow."""
        return await self._get_list("/flows", models.Flow)

    async def flow(self, name: str) -> models.FlowDetail:
        """One deployed processflow with its document."""
        return await self._get(f"/flows/{name}", models.FlowDetail)

    async def undeploy(self, name: str) -> models.Undeployed:
        """Withdraw a processflow. Its history, bookmarks and Sync Info stay."""
        return await self._send("DELETE", f"/flows/{name}", models.Undeployed)

    # -- schedules ---------------------------------------------------------------------------------------------

    async def schedule(self, name: str) -> models.Schedule:
        """The schedule of a processflow; its plan is manual where it has none."""
        return await self._get(f"/flows/{name}/schedule", models.Schedule)

    async def set_schedule(self, name: str, plan: models.ScheduleChange) -> models.Schedule:
        """Change when a processflow runs by itself, at once."""
        return await self._send("PUT", f"/flows/{name}/schedule", models.Schedule, plan)

    async def clear_schedule(self, name: str) -> models.Schedule:
        """Let a processflow run by hand only."""
        return await self._send("DELETE", f"/flows/{name}/schedule", models.Schedule)

    async def preview_schedule(self, plan: models.ScheduleChange, *, flow: str = "") -> models.SchedulePreview:
        """What a plan means, without changing anything."""
        request = models.SchedulePreviewRequest(plan=plan, flow=flow)
        return await self._send("POST", "/schedules/preview", models.SchedulePreview, request)

    # -- runs --------------------------------------------------------------------------------------------------

    async def execute(self, name: str) -> models.Run:
        """Start a run now."""
        return await self._send("POST", f"/flows/{name}/runs", models.Run)

    async def runs(self, *, flow: str = "", after: str = "", limit: int = 50) -> models.RunPage:
        """Runs, newest first."""
        return await self._get("/runs", models.RunPage, flow=flow, after=after, limit=limit)

    async def run(self, run_id: str, *, wait_seconds: float = 0) -> models.Run:
        """One run; waits for its end for up to `wait_seconds` (at most 20)."""
        return await self._get(f"/runs/{run_id}", models.Run, wait_seconds=wait_seconds)

    async def cancel_run(self, run_id: str) -> models.Run:
        """Cancel a run: it stops after the packet in flight."""
        return await self._send("POST", f"/runs/{run_id}/cancel", models.Run)

    async def sync_info(
        self, name: str, *, state: SyncState | None = None, search: str = "", after: str = "", limit: int = 100
    ) -> models.SyncPage:
        """A processflow's records, newest first."""
        return await self._get(
            f"/flows/{name}/sync-info", models.SyncPage, state=state or "", search=search, after=after, limit=limit
        )

    # -- log ---------------------------------------------------------------------------------------------------

    async def log_bounds(self) -> models.LogBounds:
        """The first and last id of the log."""
        return await self._get("/log/bounds", models.LogBounds)

    async def log_page(self, first: int, count: int = 256) -> models.LogPage:
        """Lines by id, oldest first."""
        return await self._get("/log", models.LogPage, first=first, count=count)

    async def search_log(self, search: models.LogSearch) -> models.LogHits:
        """Search the whole log. Cancelling the awaiting task stops the search in the service."""
        return await self._send("POST", "/log/searches", models.LogHits, search)

    async def log_hits(self, search_id: str, first: int, count: int = 256) -> models.LogPage:
        """Hits of a search by row number."""
        return await self._get(f"/log/searches/{search_id}", models.LogPage, first=first, count=count)

    async def extend_search(self, search_id: str) -> models.LogHits:
        """Add the hits that were logged since the search."""
        return await self._send("POST", f"/log/searches/{search_id}/extend", models.LogHits)

    # -- housekeeping and settings ---------------------------------------------------------------------------------

    async def clear_preview(self, target: models.ClearTarget) -> models.ClearReport:
        """What clearing would remove."""
        return await self._get(f"/clear/{target}", models.ClearReport)

    async def clear(self, target: models.ClearTarget) -> models.ClearReport:
        """Clear Temp or Cache; never touches credentials, deployments, bookmarks or Sync Info."""
        return await self._send("POST", f"/clear/{target}", models.ClearReport)

    async def settings(self) -> list[models.Setting]:
        """Every setting with its declaration."""
        return await self._get_list("/settings", models.Setting)

    async def change_setting(self, name: str, value: str) -> models.Setting:
        """Change one setting."""
        return await self._send("PUT", f"/settings/{name}", models.Setting, models.SettingChange(value=value))

    # -- events ------------------------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[models.Event]:
        """Events as they happen, until the service ends or the task is cancelled."""
        timeout = httpx.Timeout(None, connect=5.0, read=60.0)
        try:
            async with self._http.stream("GET", f"{PREFIX}/events", timeout=timeout) as response:
                if response.is_error:
                    await response.aread()
                    raise error_of(response)
                async for line in response.aiter_lines():
                    if line.startswith("data:"):
                        yield models.Event.model_validate_json(line[5:].strip())
        except httpx.HTTPError as error:
            raise unreachable(error) from error
