"""A Redis that plays a managed one: in another namespace, with a user and a password of its own."""

import redis

from support.deadline import wait_until


class ManagedRedis:
    """A single valkey pod with one ACL user; its data is read from outside by a NodePort."""

    IMAGE = "valkey/valkey:8.1"

    def __init__(self, namespace, name, user, password):
        self.namespace, self.name, self.user, self.password = namespace, name, user, password
        self.host = f"{name}.{namespace.name}.svc.cluster.local"
        labels = {"app": name}
        start = f"exec valkey-server --port 6379 --save '' --user {user} on '>{password}' '~*' '&*' +@all --user default off"
        restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
                      "readOnlyRootFilesystem": True}
        namespace.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
             "spec": {"automountServiceAccountToken": False,
                      "securityContext": {"runAsNonRoot": True, "runAsUser": 999, "fsGroup": 999,
                                          "seccompProfile": {"type": "RuntimeDefault"}},
                      "volumes": [{"name": "data", "emptyDir": {}}],
                      "containers": [{"name": "redis", "image": self.IMAGE, "command": ["sh", "-c", start],
                                      "workingDir": "/data", "securityContext": restricted,
                                      "ports": [{"containerPort": 6379}],
                                      "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                                      "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1}}]}},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
             "spec": {"selector": labels, "ports": [{"port": 6379}]}})
        namespace.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
        self.outside = namespace.exposed(f"{name}-outside", labels, 6379)
        wait_until(self.answers, f"{name} from outside", 30, interval=0.2)

    def client(self):
        return redis.Redis(*self.outside, username=self.user, password=self.password)

    def answers(self):
        try:
            return self.client().ping()
        except redis.ConnectionError:
            return False

    def set_passwords(self, *passwords):
        """Those and no others are valid from now on; who is logged in stays so."""
        self.client().execute_command("ACL", "SETUSER", self.user, "resetpass", *(f">{p}" for p in passwords))
        self.password = passwords[-1]

    def end_connections(self):
        """Everybody has to log in again."""
        self.client().execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def parts(self):
        return {"host": self.host, "port": 6379, "username": self.user, "password": self.password}

    def uri(self):
        return f"redis://{self.user}:{self.password}@{self.host}:6379/0"
