"""Redis as operators run it in a cluster: StatefulSets whose pods keep their names but not their addresses.

    SentinelPods  one primary, two replicas, and a Sentinel in each pod; all announce their host names
    ClusterPods   three masters with a replica each, which announce addresses, or host names and those preferred

Both give every pod an additional NodePort, through which the test reads its data."""

from redis import RedisError, Redis

from cluster import say
from managed import ManagedRedis, restricted
from support.cluster import RedisCluster, ask
from support.deadline import wait_until
from support.sentinel import Sentinel, SentinelGroup

PASSWORD = "operated-secret"
SENTINEL_PASSWORD = "sentinel-secret"


class Pod:
    """One server of a StatefulSet, accessible to the test."""

    def __init__(self, pods, index):
        self.pods, self.name = pods, f"{pods.name}-{index}"
        self.host, self.port = f"{self.name}.{pods.domain}", 6379
        ports = [{"name": f"port-{port}", "port": port, "targetPort": port} for port in pods.PORTS]
        pods.namespace.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{self.name}-outside"},
                              "spec": {"type": "NodePort", "publishNotReadyAddresses": True, "ports": ports,
                                       "selector": {"statefulset.kubernetes.io/pod-name": self.name}}})
        found = pods.namespace.get("service", f"{self.name}-outside")["spec"]["ports"]
        self.outside = {port["port"]: port["nodePort"] for port in found}

    def client(self, **options):
        return Redis(self.pods.namespace.cluster.node_address(), self.outside[6379],
                     **{"password": PASSWORD, "socket_timeout": 5, **options})

    def running(self):
        """Whether it answers."""
        try:
            with self.client(socket_timeout=1, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    def uid(self):
        """The UID of the pod that has the name now; None if there is none."""
        return self.pods.namespace.kubectl("get", "pod", self.name, "--ignore-not-found", "-o",
                                           "jsonpath={.metadata.uid}").strip() or None

    def node(self):
        return self.pods.namespace.get("pod", self.name)["spec"]["nodeName"]

    def delete(self, force=False):
        """Deletes the pod as an operator would: with its grace period, or by force without one. Does not wait."""
        how = ["--grace-period=0", "--force"] if force else []
        self.pods.namespace.kubectl("delete", "pod", self.name, "--wait=false", *how)


class Pods:
    """A StatefulSet and its headless Service; `spec` builds the pods' spec."""

    PORTS = [6379]

    def __init__(self, namespace, name, count, policy, files, spec, claims=()):
        self.namespace, self.name = namespace, name
        self.domain = f"{name}.{namespace.name}.svc.cluster.local"
        labels = {"app": name}
        namespace.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": files},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
             "spec": {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": labels,
                      "ports": [{"name": f"port-{port}", "port": port} for port in self.PORTS]}},
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
             "spec": {"serviceName": name, "replicas": count, "podManagementPolicy": policy,
                      "selector": {"matchLabels": labels}, "volumeClaimTemplates": list(claims),
                      "template": {"metadata": {"labels": labels}, "spec": spec}}})
        self.pods = [Pod(self, index) for index in range(count)]

    def rolled_out(self):
        self.namespace.kubectl("rollout", "status", f"statefulset/{self.name}", "--timeout=150s", seconds=160)

    def environment(self):
        """Variables for the scripts; the pod's own name and address come from the downward API."""
        fields = {"POD": "metadata.name", "POD_IP": "status.podIP"}
        return [{"name": "DOMAIN", "value": f"{self.name}.{self.namespace.name}.svc.cluster.local"},
                {"name": "NAME", "value": self.name}, {"name": "REDISCLI_AUTH", "value": PASSWORD},
                *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items())]


def _container(name, command, mounts, **more):
    return {"name": name, "image": ManagedRedis.IMAGE, "command": ["sh", "-c", command], "workingDir": "/data",
            "volumeMounts": [{"name": volume, "mountPath": f"/{volume}"} for volume in mounts], **more}


def _answers(script):
    return {"readinessProbe": {"exec": {"command": ["sh", "-c", script]}, "periodSeconds": 1, "timeoutSeconds": 3}}


class SentinelPods(Pods, SentinelGroup):
    """Each pod runs a server and a Sentinel without a volume, so a returning primary would be empty. Before its own
    Sentinel starts, a pod asks the other Sentinels; while they still name this pod as the primary, it waits until they
    have promoted another. It does not request a failover: two Sentinels that are told to promote at the same time
    choose two primaries, which then replicate each other."""

    PORTS = [6379, 26379]
    ROLE = f"""
        me=$POD.$DOMAIN primary=
        ask() {{
            REDISCLI_AUTH={SENTINEL_PASSWORD} timeout 2 valkey-cli -h "$NAME-$1.$DOMAIN" -p 26379 --raw \\
                SENTINEL GET-MASTER-ADDR-BY-NAME mymaster 2>/dev/null | head -n 1
        }}
        named() {{
            for n in 0 1 2; do
                [ "$NAME-$n" = "$POD" ] && continue
                primary=$(ask $n)
                [ -z "$primary" ] || break
            done
        }}
        named
        while [ "$primary" = "$me" ]; do
            sleep 0.5
            named
        done
        [ -n "$primary" ] || primary=$NAME-0.$DOMAIN
        echo "primary: $primary"
        {{
            printf '%s\\n' 'port 6379' 'dir /data' 'save ""' 'repl-diskless-sync-delay 0' \\
                'requirepass {PASSWORD}' 'masterauth {PASSWORD}' "replica-announce-ip $me"
            [ "$primary" = "$me" ] || echo "replicaof $primary 6379"
        }} >/data/redis.conf
        printf '%s\\n' 'port 26379' 'dir /data' 'sentinel resolve-hostnames yes' 'sentinel announce-hostnames yes' \\
            "sentinel announce-ip $me" "sentinel monitor mymaster $primary 6379 2" \\
            'sentinel down-after-milliseconds mymaster 2000' 'sentinel failover-timeout mymaster 10000' \\
            'sentinel auth-pass mymaster {PASSWORD}' 'requirepass {SENTINEL_PASSWORD}' \\
            'sentinel sentinel-pass {SENTINEL_PASSWORD}' >/data/sentinel.conf
        """

    def __init__(self, namespace, name="sentinel"):
        self.namespace, self.name, self.master = namespace, name, "mymaster"
        both = ["data", "scripts"]
        spec = restricted(
            [_container("redis", "exec valkey-server /data/redis.conf", both, env=self.environment(),
                        **_answers("valkey-cli info replication | grep -Eq '^(role:master|master_link_status:up)'")),
             _container("sentinel", "exec valkey-server /data/sentinel.conf --sentinel", both)],
            initContainers=[_container("role", "sh -eu /scripts/role", both, env=self.environment())],
            volumes=[{"name": "data", "emptyDir": {}}, {"name": "scripts", "configMap": {"name": name}}])
        super().__init__(namespace, name, 3, "OrderedReady", {"role": self.ROLE}, spec)
        self.servers = self.pods
        self.sentinels = [OutsideSentinel(pod) for pod in self.pods]
        self.rolled_out()
        self.wait_settled(60)
        say(f"{name}: one primary, two replicas and three Sentinels know each other")

    def _server_at(self, host, port):
        return next((pod for pod in self.pods if pod.host == host), None)

    def _settled(self):
        try:
            return all(pod.running() for pod in self.pods) and super()._settled()
        except (RedisError, OSError):
            return False

    def describe(self):
        return "\n".join(f"{sentinel.pod.name}: {sentinel.ask_about('MASTERS')} "
                         f"{sentinel.ask_about('REPLICAS', self.master)}" for sentinel in self.sentinels)

    def wait_settled(self, seconds=60.0):
        wait_until(self._settled, lambda: f"a settled group\n{self.describe()}", seconds, 0.2)

    def victim(self):
        """The primary."""
        return wait_until(self.primary, "a primary", 30, 0.1)

    def taken_over(self, old):
        """Whether another server is the primary."""
        now = self.primary()
        return now is not None and now is not old

    def clients(self):
        return [self.victim().client()]

    def parts(self):
        """The entries of a Secret that names this Redis."""
        return {"sentinel.nodes": ",".join(f"{pod.host}:26379" for pod in self.pods), "sentinel.master": self.master,
                "password": PASSWORD, "sentinel.password": SENTINEL_PASSWORD}


class OutsideSentinel(Sentinel):
    """The Sentinel of a pod; the Sentinel counts as running if it answers."""

    def __init__(self, pod):  # pylint: disable=super-init-not-called
        self.pod, self.password, self.tls, self.child = pod, SENTINEL_PASSWORD, None, self
        self.host, self.port = pod.pods.namespace.cluster.node_address(), pod.outside[26379]

    def running(self):
        return self.ask("MYID") is not None


class ClusterPods(Pods, RedisCluster):
    """Three masters with a replica each; each node's state and data are in a volume."""

    NODE_TIMEOUT_MS = 2000

    def __init__(self, namespace, name="cluster", hostnames=True):
        self.namespace, self.name = namespace, name
        names = " --cluster-announce-hostname $POD.$DOMAIN --cluster-preferred-endpoint-type hostname"
        start = (f"exec valkey-server --dir /data --save '' --appendonly yes --cluster-enabled yes"
                 f" --cluster-node-timeout {self.NODE_TIMEOUT_MS} --cluster-announce-ip $POD_IP"
                 f"{names if hostnames else ''} --repl-diskless-sync-delay 0"
                 f" --requirepass {PASSWORD} --masterauth {PASSWORD}")
        spec = restricted([_container("redis", start, ["data"], env=self.environment(),
                                      **_answers('[ "$(valkey-cli ping)" = PONG ]'))])
        claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                                                        "resources": {"requests": {"storage": "64Mi"}}}}
        super().__init__(namespace, name, 6, "Parallel", {}, spec, [claim])
        self.nodes = self.pods
        self.rolled_out()
        addresses = [f"{namespace.get('pod', pod.name)['status']['podIP']}:6379" for pod in self.pods]
        namespace.kubectl("exec", f"{name}-0", "--", "valkey-cli", "--cluster", "create", *addresses,
                          "--cluster-replicas", "1", "--cluster-yes")
        self.ids = {pod.name: self.id_of(pod) for pod in self.pods}
        self.wait_settled()
        say(f"{name}: three masters with a replica each serve all slots")

    def wait_settled(self, seconds=60.0):
        """Waits until all pods answer, all slots are served, and every master has a synced replica."""
        def in_step():
            try:
                roles = [pod.client().info("replication") for pod in self.pods]
            except (RedisError, OSError):
                return False
            return all(role["connected_slaves"] == 1 if role["role"] == "master" else role["master_link_status"] == "up"
                       for role in roles)
        wait_until(in_step, lambda: f"replicas in step\n{self.describe()}", seconds, 0.2)
        self.wait_ok(seconds)

    def describe(self):
        return self.namespace.kubectl("exec", f"{self.name}-0", "--", "valkey-cli", "cluster", "nodes", check=False)

    def _node_of(self, entry):
        return next(pod for pod in self.pods if self.ids[pod.name] == entry[2].decode())

    def victim(self):
        """A master: each has documents, and a partition of the feed."""
        return self.masters()[0]

    def taken_over(self, old):
        """Whether another pod sees the replica serving its slots."""
        other = next(pod for pod in self.pods if pod is not old)
        return all(self._node_of(entry[2]) is not old for entry in ask(other, "CLUSTER", "SLOTS"))

    def parts(self):
        return {"cluster.nodes": ",".join(f"{pod.host}:6379" for pod in self.pods), "password": PASSWORD}
