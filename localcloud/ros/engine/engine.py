"""Carries stacks through their operations, one task a stack; a restart takes up what was begun."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Literal

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.ros.blueprint import Blueprint
from localcloud.ros.engine.control import Control
from localcloud.ros.engine.convergence import Convergence
from localcloud.ros.engine.failure import Failure
from localcloud.ros.engine.removal import remove
from localcloud.ros.engine.worker import Worker
from localcloud.ros.records import Action, Operation, Records, Stack, Version
from localcloud.ros.stack_blueprints import StackBlueprints
from localcloud.ros.types.registry import Registry

_log = logging.getLogger("localcloud.ros")


class Engine:
    """Begins, resumes and cancels operations."""

    def __init__(
        self, context: Context, records: Records, registry: Registry, blueprints: StackBlueprints
    ) -> None:
        self._context = context
        self._records = records
        self._registry = registry
        self._blueprints = blueprints
        self._controls: dict[str, Control] = {}

    def resume_all(self) -> None:
        """Take up every operation that the records hold."""
        for stack in self._records.stacks():
            if stack.operation is not None:
                self._spawn(stack)

    def begin(self, stack: Stack, operation: Operation) -> None:
        """Record the operation and set out; returns at once. May stand inside a store transaction."""
        stack.operation = operation
        stack.operation_info = None
        self._records.move_stack(
            stack, f"{operation.action}_IN_PROGRESS", f"Stack {operation.action} started"
        )
        self._spawn(stack)

    def operation(self, action: Action, minutes: int, previous: Version | None = None) -> Operation:
        """A new operation that times out after `minutes`."""
        deadline = self._context.now() + timedelta(minutes=minutes)
        return Operation(action=action, deadline=deadline, previous=previous)

    def cancel(self, stack: Stack, kind: Literal["Safe", "Quick"]) -> None:
        """Tell a stack's running operation to end."""
        assert stack.operation is not None  # noqa: S101 - the service has checked it
        stack.operation.cancel = kind
        self._records.save_stack(stack)
        control = self._controls.get(stack.id)
        if control is not None:
            _cancel(control, stack.operation)

    def _spawn(self, stack: Stack) -> None:
        self._context.tasks.spawn(self._run(stack.id), f"ros stack {stack.name}")

    async def _run(self, stack_id: str) -> None:
        while True:
            stack = self._records.stack(stack_id)
            if stack is None or stack.operation is None:
                return
            failure = await self._carry_out(stack, stack.operation)
            self._conclude(stack_id, failure)

    async def _carry_out(self, stack: Stack, operation: Operation) -> Failure | None:
        control = Control()
        self._controls[stack.id] = control
        if operation.cancel:
            _cancel(control, operation)
        remaining = (operation.deadline - self._context.now()).total_seconds()
        timer = asyncio.get_running_loop().call_later(
            max(remaining, 0), lambda: control.stop(f"Stack {operation.action} timed out", abort=True)
        )
        try:
            return await self._work(stack, operation, control)
        except ApiError as error:
            return Failure(f"{error.code}: {error.message}")
        finally:
            timer.cancel()
            self._controls.pop(stack.id, None)

    async def _work(self, stack: Stack, operation: Operation, control: Control) -> Failure | None:
        worker = Worker(self._context, self._records, self._registry, stack, control)
        if operation.action in ("DELETE", "CREATE_ROLLBACK"):
            names = set(self._records.resources(stack.id))
            return await remove(self._records, worker, stack, names, control)
        blueprint: Blueprint = self._blueprints.of(stack, stack.version)
        convergence = Convergence(self._records, self._registry, worker, stack, operation)
        return await convergence.run(blueprint, control)

    def _conclude(self, stack_id: str, failure: Failure | None) -> None:
        stack = self._records.stack(stack_id)
        assert stack is not None  # noqa: S101 - stacks are never dropped
        assert stack.operation is not None  # noqa: S101 - only this method takes it away
        operation, stack.operation = stack.operation, None
        with self._records.transaction():
            if failure is None:
                self._succeed(stack, operation)
            else:
                self._fail(stack, operation, failure)

    def _succeed(self, stack: Stack, operation: Operation) -> None:
        reason = f"Stack {operation.action} completed successfully"
        if operation.root_reason:
            reason = f"{reason}; rolled back because: {operation.root_reason}"
        self._records.move_stack(stack, f"{operation.action}_COMPLETE", reason)

    def _fail(self, stack: Stack, operation: Operation, failure: Failure) -> None:
        _log.info("stack %s: %s failed: %s", stack.name, operation.action, failure.reason)
        stack.operation_info = failure.info or None
        if operation.root_reason:
            stack.rollback_failed_root_reason = operation.root_reason
        self._records.move_stack(stack, f"{operation.action}_FAILED", failure.reason)
        rollback = self._rollback(stack, operation, failure)
        if rollback is not None:
            stack.operation = rollback
            self._records.move_stack(stack, f"{rollback.action}_IN_PROGRESS", failure.reason)

    def _rollback(self, stack: Stack, operation: Operation, failure: Failure) -> Operation | None:
        """What undoes the failed operation; an update's rollback may replace what the update replaced."""
        if stack.disable_rollback or operation.action not in ("CREATE", "UPDATE"):
            return None
        if operation.action == "CREATE":
            rollback = self.operation("CREATE_ROLLBACK", stack.timeout_minutes)
        else:
            rollback = self.operation("ROLLBACK", stack.timeout_minutes)
            rollback.replacement = True
            if operation.previous is not None:
                stack.version = operation.previous
        rollback.root_reason = failure.reason
        return rollback


def _cancel(control: Control, operation: Operation) -> None:
    control.stop(f"Stack {operation.action} was cancelled", abort=operation.cancel == "Quick")
