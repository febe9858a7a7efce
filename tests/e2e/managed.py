"""A stand-in for a managed Redis: in another namespace, with its own user and password, and TLS if requested."""

import redis

from support.deadline import wait_until


def restricted(containers, **spec):
    """A pod spec that complies with Pod Security "restricted" and uses the image's own user."""
    limits = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    secured = {kind: [dict(container, securityContext=limits) for container in group]
               for kind, group in (("containers", containers), ("initContainers", spec.pop("initContainers", [])))}
    return {"automountServiceAccountToken": False, "enableServiceLinks": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 999, "runAsGroup": 999, "fsGroup": 999,
                                "seccompProfile": {"type": "RuntimeDefault"}}, **secured, **spec}


class ManagedRedis:
    """A single valkey pod with one ACL user; the test reads its data through a NodePort.

    `placed` holds fields of the pod spec that choose the node."""

    IMAGE = "valkey/valkey:8.1"
    TLS_NAME = "redis.test"  # the name in its certificate

    def __init__(self, namespace, name, user, password, certificates=None, placed=None):
        self.namespace, self.name, self.user, self.password = namespace, name, user, password
        self.certificates = certificates
        self.host = f"{name}.{namespace.name}.svc.cluster.local"
        labels = {"app": name}
        ports = "--port 6379"
        volumes, mounts = [{"name": "data", "emptyDir": {}}], [{"name": "data", "mountPath": "/data"}]
        if certificates:
            namespace.secret(f"{name}-tls", {file: certificates.text(file) for file in ("server.crt", "server.key")})
            ports = ("--port 0 --tls-port 6379 --tls-auth-clients no --tls-cert-file /tls/server.crt "
                     "--tls-key-file /tls/server.key")
            volumes.append({"name": "tls", "secret": {"secretName": f"{name}-tls", "defaultMode": 0o440}})
            mounts.append({"name": "tls", "mountPath": "/tls"})
        start = (f"exec valkey-server {ports} --save '' --user {user} on '>{password}' '~*' '&*' +@all"
                 " --user default off")
        namespace.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
             "spec": restricted(volumes=volumes, containers=[{
                 "name": "redis", "image": self.IMAGE, "command": ["sh", "-c", start], "workingDir": "/data",
                 "ports": [{"containerPort": 6379}], "volumeMounts": mounts,
                 "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1}}], **(placed or {}))},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
             "spec": {"selector": labels, "ports": [{"port": 6379}]}})
        namespace.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
        self.outside = namespace.exposed(f"{name}-outside", labels, 6379)
        wait_until(self.answers, f"{name} from outside", 30, interval=0.2)

    def client(self):
        tls = {"ssl": True, "ssl_ca_certs": self.certificates.path("ca.crt"), "ssl_check_hostname": False} \
            if self.certificates else {}
        return redis.Redis(*self.outside, username=self.user, password=self.password, **tls)

    def answers(self):
        try:
            return self.client().ping()
        except redis.ConnectionError:
            return False

    def set_passwords(self, *passwords):
        """Makes only these passwords valid; existing connections stay logged in."""
        self.client().execute_command("ACL", "SETUSER", self.user, "resetpass", *(f">{p}" for p in passwords))
        self.password = passwords[-1]

    def end_connections(self):
        """Closes all connections, so every client has to log in again."""
        self.client().execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def tls(self, switch="ssl"):
        """A Secret's TLS entries: none, or the switch, the CA and the certificate's name."""
        if not self.certificates:
            return {}
        return {switch: "true", "ca.crt": self.certificates.text("ca.crt"), "tls.server-name": self.TLS_NAME}

    def parts(self):
        return {"host": self.host, "port": 6379, "username": self.user, "password": self.password, **self.tls()}

    def uri(self):
        scheme = "rediss" if self.certificates else "redis"
        return f"{scheme}://{self.user}:{self.password}@{self.host}:6379/0"
