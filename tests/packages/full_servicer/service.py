"""A whole AgentService in the agent's own hands."""

import time


class Service:
    """Answers with dicts; the worker knows the messages."""

    def Health(self, request, context):
        """Called by par until the agent is ready."""
        return {"ok": True, "message": "my own health", "timestamp": int(time.time() * 1000)}

    async def Invoke(self, request, context):
        """Says what it was asked."""
        parameters = ",".join(f"{k}={v}" for k, v in sorted(request.parameters.items()))
        return {
            "success": True,
            "result": f"{request.action}({parameters})",
            "request_id": request.request_id,
        }


def create():
    """The manifest's a2a.entry."""
    return Service()
