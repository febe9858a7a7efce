{{/* Fills in missing values: `--reuse-values` brings those of an older version, and `null` removes some. Each template
     begins with this; missing switches stay off. */}}
{{- define "collector.prepare" -}}
{{- $_ := merge .Values (fromYaml (include "collector.least" .)) -}}
{{- end -}}

{{- define "collector.least" -}}
image: {repository: collector, pullPolicy: IfNotPresent}
drainDelay: 5s
grace: 25s
terminationGracePeriodSeconds: 35
service: {type: ClusterIP, port: 4001}
ingress: {}
httpRoute: {}
networkPolicy: {}
autoscaling: {minReplicas: 2, maxReplicas: 8, targetCPUUtilizationPercentage: 200}
podDisruptionBudget: {}
serviceMonitor: {interval: 30s}
prometheusRule: {}
dashboard: {}
redis:
  mode: internal
  internal:
    image: {repository: valkey/valkey, tag: "8.1", pullPolicy: IfNotPresent}
    passwordSecret: {key: password}
    passwordJob: {image: {repository: kubectl, pullPolicy: IfNotPresent}}
    persistence: {size: 2Gi}
    appendfsync: everysec
    maxmemory: 384mb
  secret: {}
  previous: {secret: {}}
  serviceBinding: {service: {apiVersion: v1, kind: Secret}}
binding: {}
tokens: {}
{{- end -}}

{{- define "collector.name" -}}
{{- include "collector.named" (list . .Values.nameOverride "nameOverride") | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* The release's name, followed by the chart's name unless the release's name already ends with it, so two charts of
     an umbrella never share a name. It is short enough for a StatefulSet `<name>-redis`, whose pods have a label of
     that name plus 11 characters. A checksum keeps a truncated name unique. Services get this name, so it must be a DNS
     label. */}}
{{- define "collector.fullname" -}}
{{- $chart := include "collector.name" . -}}
{{- $full := include "collector.named" (list . .Values.fullnameOverride "fullnameOverride") -}}
{{- if not $full -}}
{{- $full = ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (or (eq .Release.Name $chart) (hasSuffix (printf "-%s" $chart) .Release.Name)) -}}
{{- end -}}
{{- if gt (len $full) 46 -}}
{{- $full = printf "%s-%s" ($full | trunc 39 | trimSuffix "-") (sha256sum $full | trunc 6) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $full) -}}
{{- fail (printf "%q can't name a Service: it takes lower-case letters, digits and hyphens, and begins with a letter. Choose another release name, or set fullnameOverride" $full) -}}
{{- end -}}
{{- $full -}}
{{- end -}}

{{- define "collector.namespace" -}}
{{- include "collector.named" (list . .Values.namespaceOverride "namespaceOverride") | default .Release.Namespace -}}
{{- end -}}

{{/* Selector labels, which never change across upgrades. Takes a list of the root and the component. */}}
{{- define "collector.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "collector.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Converts a map of values, each of which may be a template, to strings. Takes a list of the root, the map and its
     place in the values. */}}
{{- define "collector.texts" -}}
{{- $root := index . 0 -}}
{{- $place := index . 2 -}}
{{- $texts := dict -}}
{{- range $key, $value := index . 1 -}}
{{- $_ := set $texts $key (tpl (include "collector.text" (list $value (printf "%s.%s" $place $key))) $root) -}}
{{- end -}}
{{- toYaml $texts -}}
{{- end -}}

{{/* All labels of an object. Takes a list of the root, the component, and additional labels; the chart's own take
     precedence. */}}
{{- define "collector.labels" -}}
{{- $root := index . 0 -}}
{{- $own := fromYaml (include "collector.selectorLabels" (list $root (index . 1))) -}}
{{- $_ := set $own "app.kubernetes.io/version" (toString $root.Chart.AppVersion) -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63) -}}
{{- $more := dict -}}
{{- if gt (len .) 2 }}{{- $more = fromYaml (include "collector.texts" (list $root (index . 2 | default dict) "labels")) -}}{{- end -}}
{{- toYaml (merge $own $more (fromYaml (include "collector.texts" (list $root ($root.Values.commonLabels | default dict) "commonLabels")))) -}}
{{- end -}}

{{/* Name, namespace, labels and annotations of an object. Takes a dict: root, name, component, labels, annotations. */}}
{{- define "collector.metadata" -}}
{{- $root := .root -}}
name: {{ .name | quote }}
namespace: {{ include "collector.namespace" $root | quote }}
labels:
  {{- include "collector.labels" (list $root .component .labels) | nindent 2 }}
{{- $annotations := merge (dict) (.annotations | default dict) ($root.Values.commonAnnotations | default dict) }}
{{- with $annotations }}
annotations:
  {{- include "collector.texts" (list $root . "annotations") | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A value as a string for a file, a label or a variable. Values files turn a number such as 67108864 into
     6.7108864e+07, and lose digits of a number beyond 2^53. Takes a list of the value and its place in the values. */}}
{{- define "collector.text" -}}
{{- $value := index . 0 -}}
{{- if has (kindOf $value) (list "float64" "int" "int64") -}}
{{- if or (gt (float64 $value) 9007199254740992.0) (lt (float64 $value) -9007199254740992.0) -}}
{{- fail (printf "%s: a number beyond 2^53 loses digits: put it in quotes, or use --set-string" (index . 1)) -}}
{{- end -}}
{{- if ne (float64 $value) (floor $value) -}}
{{- fail (printf "%s: %v is not a whole number, and other numbers lose digits: put it in quotes, or use --set-string" (index . 1) $value) -}}
{{- end -}}
{{- printf "%.0f" (float64 $value) -}}
{{- else -}}
{{- toString $value -}}
{{- end -}}
{{- end -}}

{{/* A name, which may be a template, or a number that must be kept as a name. Takes a list of the root, the value and its
     place in the values. */}}
{{- define "collector.named" -}}
{{- tpl (include "collector.text" (list (index . 1 | default "") (index . 2))) (index . 0) -}}
{{- end -}}

{{/* An entry of a binding as a string. A secret that is a number has already lost its leading zeros: YAML reads 0123 as
     83. Takes a list of the entry's name, its value and its place in the values. */}}
{{- define "collector.entry" -}}
{{- if and (has (kindOf (index . 1)) (list "float64" "int" "int64")) (regexMatch "(?i)pass|secret|token|auth|user|key|cert" (index . 0)) -}}
{{- fail (printf "%s.%s: leading zeros of a number are lost: put it in quotes, or use --set-string" (index . 2) (index . 0)) -}}
{{- end -}}
{{- include "collector.text" (list (index . 1) (printf "%s.%s" (index . 2) (index . 0))) -}}
{{- end -}}

{{/* Variables of a container, with numbers and booleans as strings; a secret must be a string, as in an entry. Takes a
     list of the variables and their place in the values. */}}
{{- define "collector.variables" -}}
{{- $place := index . 1 -}}
{{- range index . 0 }}
{{- $variable := deepCopy . }}
{{- $take := ternary "collector.entry" "collector.text" (regexMatch "(?i)(pass|password|secret|token|user|username|key)$" .name) }}
{{- if hasKey . "value" }}{{- $_ := set $variable "value" (include $take (ternary (list .name .value $place) (list .value (printf "%s.%s" $place .name)) (hasSuffix ".entry" $take))) }}{{- end }}
- {{ toYaml $variable | nindent 2 | trim }}
{{- end }}
{{- end -}}

{{/* Takes a list of the root, the image's values and its default tag. */}}
{{- define "collector.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- with (($root.Values.global).imageRegistry) | default $image.registry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ include "collector.text" (list ($image.tag | default (index . 2)) "image.tag") }}{{ end -}}
{{- end -}}

{{/* The pull secrets of the chart and of an umbrella's `global`, where they may be plain names. */}}
{{- define "collector.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat ((.Values.global).imagePullSecrets | default list) (.Values.imagePullSecrets | default list) -}}
{{- $names = append $names (include "collector.text" (list (ternary (get (ternary . dict (kindIs "map" .)) "name") . (kindIs "map" .)) "imagePullSecrets")) -}}
{{- end -}}
{{- with uniq $names }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The host name of a Service for other namespaces. Takes a list of the root and the name. */}}
{{- define "collector.hostOf" -}}
{{- $root := index . 0 -}}
{{ index . 1 }}.{{ include "collector.namespace" $root }}.svc{{ with $root.Values.clusterDomain }}.{{ . }}{{ end }}
{{- end -}}

{{- define "collector.host" -}}
{{ include "collector.hostOf" (list . (include "collector.fullname" .)) }}
{{- end -}}

{{- define "collector.redisName" -}}
{{ include "collector.fullname" . }}-redis
{{- end -}}

{{- define "collector.bindingName" -}}
{{ include "collector.named" (list . .Values.binding.name "binding.name") | default (printf "%s-binding" (include "collector.fullname" .)) }}
{{- end -}}

{{/* Whether the chart installs its own Valkey: "true" or "". */}}
{{- define "collector.hasValkey" -}}
{{- if or (eq .Values.redis.mode "internal") .Values.redis.internal.keep }}true{{ end -}}
{{- end -}}

{{/* The value of a key in the release's Secret, as a string; "" if there is none. Takes the root, the Secret's name and
     the key. */}}
{{- define "collector.kept" -}}
{{- $secret := lookup "v1" "Secret" (include "collector.namespace" (index . 0)) (index . 1) | default dict -}}
{{- get ($secret.data | default dict) (index . 2) | b64dec -}}
{{- end -}}

{{/* Whether the published Secret has a token: "true" or "". */}}
{{- define "collector.hasOwnToken" -}}
{{- if and .Values.tokens.required .Values.binding.enabled }}true{{ end -}}
{{- end -}}

{{/* The volume of the token binding: its type, the user's tokens, and the token of clients that bind to the published
     Secret. */}}
{{- define "collector.tokensVolume" -}}
name: binding-tokens
projected:
  defaultMode: 0440
  sources:
    {{- with .Values.tokens.secretName }}
    - secret:
        name: {{ include "collector.named" (list $ . "tokens.secretName") | quote }}
        optional: true
    {{- end }}
    - secret:
        name: {{ include "collector.fullname" . }}-tokens
        optional: true
    {{- if include "collector.hasOwnToken" . }}
    - secret:
        name: {{ include "collector.bindingName" . | quote }}
        optional: true
        items:
          - key: token
            path: binding
    {{- end }}
{{- end -}}

{{/* The root of the bindings; each is mounted in its own folder below it. */}}
{{- define "collector.bindingRoot" -}}/bindings{{- end -}}

{{/* The sources of a binding from any Secret: first the chart's entries, then the Secret's, which take precedence.
     Takes a list of the root, the values of the Secret, and the name of the Secret with the chart's entries. */}}
{{- define "collector.secretSources" -}}
{{- $secret := index . 1 -}}
- secret:
    name: {{ index . 2 }}
    optional: true
- secret:
    name: {{ include "collector.named" (list (index . 0) $secret.name "redis.secret.name") | quote }}
    optional: true
    {{- with $secret.items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end -}}

{{/* The sources of the binding of the chart's own Valkey. */}}
{{- define "collector.valkeySources" -}}
- secret:
    name: {{ include "collector.redisName" . }}
    optional: true
{{- with include "collector.passwordSecret" . }}
- secret:
    name: {{ . | quote }}
    optional: true
    items:
      - key: {{ include "collector.passwordKey" $ | quote }}
        path: password
{{- end }}
{{- end -}}

{{/* The volume that becomes the binding. Its Secrets may be missing: the pod starts, and becomes ready once they exist. */}}
{{- define "collector.bindingVolume" -}}
name: binding-redis
projected:
  defaultMode: 0440
  sources:
    {{- if eq .Values.redis.mode "secret" }}
    {{- include "collector.secretSources" (list . .Values.redis.secret (printf "%s-entries" (include "collector.redisName" .))) | nindent 4 }}
    {{- else }}
    {{- include "collector.valkeySources" . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Where the previous Redis comes from: "secret", "valkey", "mounted" by the user, or "" if there is none. */}}
{{- define "collector.previousSource" -}}
{{- $config := .Values.config | default dict -}}
{{- $isOff := and (hasKey $config "previous-binding") (not (get $config "previous-binding")) -}}
{{- if $isOff -}}
{{- else if ((.Values.redis.previous).secret).name -}}secret
{{- else if and .Values.redis.internal.keep (ne .Values.redis.mode "internal") -}}valkey
{{- else if get $config "previous-binding" -}}mounted
{{- end -}}
{{- end -}}

{{/* The name of the previous Redis's binding, and so of its folder. */}}
{{- define "collector.previousName" -}}
{{- get (.Values.config | default dict) "previous-binding" | default "previous" -}}
{{- end -}}

{{- define "collector.previousVolume" -}}
name: binding-previous
projected:
  defaultMode: 0440
  sources:
    {{- if eq (include "collector.previousSource" .) "secret" }}
    {{- include "collector.secretSources" (list . .Values.redis.previous.secret (printf "%s-previous" (include "collector.redisName" .))) | nindent 4 }}
    {{- else }}
    {{- include "collector.valkeySources" . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* A config.previous-binding without a source would make the program exit at startup. */}}
{{- define "collector.checkPrevious" -}}
{{- if eq (include "collector.previousSource" .) "mounted" -}}
{{- $place := printf "%s/%s" (include "collector.bindingRoot" .) (include "collector.previousName" .) -}}
{{- $isThere := or (eq .Values.redis.mode "env") (eq (include "collector.previousName" .) "redis") -}}
{{- range .Values.extraVolumeMounts }}{{- if eq .mountPath $place }}{{- $isThere = true }}{{- end }}{{- end -}}
{{- if not $isThere -}}
{{- fail (printf "config.previous-binding: nothing is mounted at %s. Set redis.previous.secret.name to the Secret of the previous Redis, or keep the chart's own with redis.internal.keep" $place) -}}
{{- end -}}
{{- end -}}
{{- if and (include "collector.previousSource" .) (eq (include "collector.previousName" .) "redis") (has .Values.redis.mode (list "internal" "secret" "serviceBinding")) -}}
{{- fail "config.previous-binding: `redis` is the binding in use: choose another name" -}}
{{- end -}}
{{- end -}}

{{/* A probe with the chart's own handler, unless the values have one; nothing if the values disable it. Takes a list of
     the name, its values and the chart's handler. */}}
{{- define "collector.probe" -}}
{{- $values := index . 1 -}}
{{- if $values }}
{{ index . 0 }}:
  {{- if not (or $values.httpGet $values.exec $values.tcpSocket $values.grpc) }}
  {{- index . 2 | nindent 2 }}
  {{- end }}
  {{- toYaml $values | nindent 2 }}
{{- end }}
{{- end -}}

{{/* kubectl describe shows a command's output but not the body of an HTTP response, so a command requests /readyz. */}}
{{- define "collector.probes" -}}
{{- $alive := "httpGet:\n  path: /healthz\n  port: http" -}}
{{- $ready := "exec:\n  command: [/usr/bin/collector, request, GET, \"http://127.0.0.1:4001/readyz\", --timeout, \"2\"]" -}}
{{- include "collector.probe" (list "startupProbe" .Values.startupProbe $alive) }}
{{- include "collector.probe" (list "livenessProbe" .Values.livenessProbe $alive) }}
{{- include "collector.probe" (list "readinessProbe" .Values.readinessProbe $ready) }}
{{- end -}}

{{/* A duration such as 1m30s in whole seconds. */}}
{{- define "collector.seconds" -}}
{{- $days := regexFind "[0-9]+d" . | trimSuffix "d" | int -}}
{{- $hours := regexFind "[0-9]+h" . | trimSuffix "h" | int -}}
{{- $minutes := regexFind "[0-9]+m([^s]|$)" . | regexFind "[0-9]+" | int -}}
{{- $seconds := regexFind "[0-9]+s" . | trimSuffix "s" | int -}}
{{- add (mul $days 86400) (mul $hours 3600) (mul $minutes 60) $seconds -}}
{{- end -}}

{{/* How pods spread: over nodes, each revision separately, so that pods about to be replaced do not count. A constraint
     with a label that a node lacks would disable the scoring of that node, so zones are an affinity. */}}
{{- define "collector.spread" -}}
{{- $hasLabelKeys := semverCompare ">=1.27-0" .Capabilities.KubeVersion.Version -}}
{{- with .Values.topologySpread }}
topologySpreadConstraints:
  {{- range . }}
  - labelSelector:
      matchLabels:
        {{- include "collector.selectorLabels" (list $ "server") | nindent 8 }}
    {{- if and $hasLabelKeys (not (hasKey . "matchLabelKeys")) }}
    matchLabelKeys: [pod-template-hash]
    {{- end }}
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- $affinity := deepCopy (.Values.affinity | default dict) }}
{{- if and .Values.spreadOverZones (not (hasKey $affinity "podAntiAffinity")) }}
{{- $term := dict "topologyKey" "topology.kubernetes.io/zone" "labelSelector" (dict "matchLabels" (fromYaml (include "collector.selectorLabels" (list . "server")))) }}
{{- if semverCompare ">=1.31-0" .Capabilities.KubeVersion.Version }}
{{- $_ := set $term "matchLabelKeys" (list "pod-template-hash") }}
{{- end }}
{{- $_ := set $affinity "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list (dict "weight" 100 "podAffinityTerm" $term))) }}
{{- end }}
{{- with $affinity }}
affinity:
  {{- tpl (toYaml .) $ | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Bytes of a quantity of Kubernetes or of Redis, as a whole number: 640Mi, 1G, 384mb, 1048576. */}}
{{- define "collector.bytes" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9.]+" $text | float64 -}}
{{- $unit := trimPrefix (regexFind "^[0-9.]+" $text) $text -}}
{{- $factors := dict "" 1 "b" 1 "k" 1000 "kb" 1024 "Ki" 1024 "m" 1000000 "M" 1000000 "mb" 1048576 "Mi" 1048576 "g" 1000000000 "G" 1000000000 "gb" 1073741824 "Gi" 1073741824 "T" 1000000000000 "Ti" 1099511627776 -}}
{{- printf "%.0f" (mulf $number (get $factors $unit | default 1)) -}}
{{- end -}}

{{/* maxmemory must be below the container's limit; otherwise the kernel kills Redis before Redis refuses a document. */}}
{{- define "collector.checkMemory" -}}
{{- $redis := .Values.redis.internal -}}
{{- $maxmemory := toString $redis.maxmemory -}}
{{- $set := regexFind "(?m)^\\s*maxmemory\\s+\\S+" ($redis.config | default "") -}}
{{- if $set }}{{- $maxmemory = regexReplaceAll "^\\s*maxmemory\\s+" $set "" | lower }}{{- end -}}
{{- with (($redis.resources).limits).memory -}}
{{- $most := include "collector.bytes" $maxmemory | int64 -}}
{{- $limit := include "collector.bytes" . | int64 -}}
{{- if eq $most 0 -}}
{{- fail (printf "redis.internal.maxmemory: %s means no limit, but the memory limit is %v, at which the kernel would kill Redis" $maxmemory .) -}}
{{- else if ge $most $limit -}}
{{- fail (printf "redis.internal.maxmemory: %s (%d bytes) is not below the memory limit, redis.internal.resources.limits.memory: %v (%d bytes). Redis itself needs more: up to twice maxmemory while it rewrites its file" $maxmemory $most . $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Extra lines of redis.conf are in a ConfigMap, which more people may read than Secrets. */}}
{{- define "collector.checkRedisConfig" -}}
{{- $secret := regexFind "(?mi)^[ \\t]*(requirepass|masterauth|tls-(client-)?key-file-pass|user[ \\t].*[ \\t][\"']?>)" (.Values.redis.internal.config | default "") -}}
{{- if $secret -}}
{{- fail (printf "redis.internal.config: a password would be readable in a ConfigMap (%s). Set Redis's password by redis.internal.password or passwordSecret, and an ACL user's by its checksum: user NAME on #SHA256 ..." (regexFind "[a-zA-Z-]+" $secret)) -}}
{{- end -}}
{{- end -}}

{{/* Kubernetes refuses to change the volume of a StatefulSet, with an error that names no value. This check works only
     if the cluster can be looked up. */}}
{{- define "collector.checkVolume" -}}
{{- $name := include "collector.redisName" . -}}
{{- $namespace := include "collector.namespace" . -}}
{{- $wanted := .Values.redis.internal.persistence -}}
{{- $wants := and $wanted.enabled (not $wanted.existingClaim) -}}
{{- with lookup "apps/v1" "StatefulSet" $namespace $name -}}
{{- $way := printf "Kubernetes doesn't change this in a StatefulSet. Delete the StatefulSet but keep its pod, then upgrade again: kubectl --namespace %s delete statefulset %s --cascade=orphan" $namespace $name -}}
{{- $templates := .spec.volumeClaimTemplates | default list -}}
{{- if and $wants (not $templates) -}}
{{- fail (printf "redis.internal.persistence: the existing Valkey has no volume claim. %s; its documents are not copied" $way) -}}
{{- else if and (not $wants) $templates -}}
{{- fail (printf "redis.internal.persistence: the existing Valkey has the volume claim data-%s-0. %s; the claim stays but is not used" $name $way) -}}
{{- else if $wants -}}
{{- $there := (first $templates).spec -}}
{{- $size := $there.resources.requests.storage -}}
{{- /* The API server rewrites 1024Mi as 1Gi. */ -}}
{{- if ne (include "collector.bytes" $size) (include "collector.bytes" $wanted.size) -}}
{{- fail (printf "redis.internal.persistence.size: %v, but the existing Valkey has %s. %s. To enlarge the existing claim: kubectl --namespace %s patch pvc data-%s-0 --patch '{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"%v\"}}}}'" $wanted.size $size $way $namespace $name $wanted.size) -}}
{{- end -}}
{{- $class := include "collector.storageClass" $ -}}
{{- if and $class (ne $class (get $there "storageClassName" | default "-" )) -}}
{{- fail (printf "redis.internal.persistence.storageClass: %s, but the existing Valkey has %s. %s; the existing claim keeps its class" $class (get $there "storageClassName" | default "the cluster's default") $way) -}}
{{- end -}}
{{- if ne (join "," (sortAlpha ($wanted.accessModes | default (list "ReadWriteOnce")))) (join "," (sortAlpha $there.accessModes)) -}}
{{- fail (printf "redis.internal.persistence.accessModes: the existing Valkey has %s. %s" (join ", " $there.accessModes) $way) -}}
{{- end -}}
{{- $metadata := (first $templates).metadata -}}
{{- range $part := list "labels" "annotations" -}}
{{- $texts := fromYaml (include "collector.texts" (list $ (get $wanted $part | default dict) (printf "redis.internal.persistence.%s" $part))) -}}
{{- if ne (toJson $texts) (toJson (get $metadata $part | default dict)) -}}
{{- fail (printf "redis.internal.persistence.%s: the existing Valkey's claim has others. %s; to change those of the claim itself: kubectl --namespace %s %s pvc data-%s-0" $part $way $namespace (get (dict "labels" "label" "annotations" "annotate") $part) $name) -}}
{{- end -}}
{{- end -}}
{{- /* The API server adds `apiGroup: null`. */ -}}
{{- $given := $wanted.dataSource | default dict -}}
{{- $source := get $there "dataSource" | default dict -}}
{{- if or (ne (default "" $given.apiGroup) (default "" $source.apiGroup)) (ne (toJson (omit $given "apiGroup")) (toJson (omit $source "apiGroup"))) -}}
{{- fail (printf "redis.internal.persistence.dataSource: the existing Valkey was created with another, or with none. %s; an existing claim keeps its data" $way) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "-" means no class, "" the cluster's default. */}}
{{- define "collector.storageClass" -}}
{{- .Values.redis.internal.persistence.storageClass | default (.Values.global).storageClass | default "" -}}
{{- end -}}

{{/* Redis's settings, and the scripts that start and probe it. */}}
{{- define "collector.redisConfig" -}}
redis.conf: |
  bind * -::*
  port 6379
  dir /data
  appendonly yes
  appendfsync {{ .Values.redis.internal.appendfsync }}
  maxmemory {{ .Values.redis.internal.maxmemory }}
  maxmemory-policy noeviction
  # The append-only file is enough: no snapshots.
  save ""
  tcp-keepalive 60
  {{- with .Values.redis.internal.config }}
  {{- . | trim | nindent 2 }}
  {{- end }}
# The password stays off the command line, which other processes on the node can read. A replaced password stays valid
# for ten minutes, for clients that do not have the new one yet: checksums of both are stored with the data.
start: |
  set -eu
  umask 077
  # The password for the probe, because the Secret may contain a newer one by then.
  printf %s "$(cat /etc/redis/password/password)" >/run/redis/password
  password=$(sed 's/[\\"]/\\&/g' /run/redis/password)
  { cat /etc/redis/config/redis.conf; printf 'requirepass "%s"\n' "$password"; } >/run/redis/redis.conf
  sh /etc/redis/config/replaced &
  server=$(command -v valkey-server || command -v redis-server)
  exec "$server" /run/redis/redis.conf
replaced: |
  umask 077
  now=$(sha256sum </run/redis/password | cut -c 1-64)
  before=$(grep -vsx "$now" /data/passwords.sha256)
  { [ -z "$before" ] || echo "$before"; echo "$now"; } >/data/passwords.sha256
  [ -n "$before" ] || exit 0
  until sh /etc/redis/config/probe >/dev/null; do sleep 0.2; done
  cli=$(command -v valkey-cli || command -v redis-cli)
  VALKEYCLI_AUTH=$(cat /run/redis/password)
  export VALKEYCLI_AUTH REDISCLI_AUTH="$VALKEYCLI_AUTH"
  for checksum in $before; do "$cli" -h 127.0.0.1 acl setuser default "#$checksum" >/dev/null; done
  sleep 600
  for checksum in $before; do "$cli" -h 127.0.0.1 acl setuser default "!$checksum" >/dev/null; done
  echo "$now" >/data/passwords.sha256
# Uses the password that the server started with, even if the Secret has changed. If someone has changed the server's
# password, it refuses this one, which also counts as an answer; while it loads its file, it answers LOADING.
probe: |
  cli=$(command -v valkey-cli || command -v redis-cli)
  VALKEYCLI_AUTH=$(cat /run/redis/password)
  export VALKEYCLI_AUTH REDISCLI_AUTH="$VALKEYCLI_AUTH"
  # timeout, because redis-cli 7.0 has no such option.
  said=$(timeout 2 "$cli" -h 127.0.0.1 ping 2>&1)
  case $said in
  *PONG* | *NOAUTH* | *WRONGPASS*) ;;
  *) echo "${said:-no answer within 2 s}"; exit 1 ;;
  esac
{{- end -}}

{{/* The Secret with the password if it is not the published one: the user's, or the Job's. */}}
{{- define "collector.passwordSecret" -}}
{{- $redis := .Values.redis.internal -}}
{{- if $redis.passwordSecret.name -}}
{{- include "collector.named" (list . $redis.passwordSecret.name "redis.internal.passwordSecret.name") -}}
{{- else if ($redis.passwordJob).enabled -}}
{{- include "collector.redisName" . }}-password
{{- end -}}
{{- end -}}

{{/* The key of the password in that Secret. */}}
{{- define "collector.passwordKey" -}}
{{- $given := .Values.redis.internal.passwordSecret -}}
{{- include "collector.text" (list (ternary ($given.key | default "password") "password" (not (not $given.name))) "redis.internal.passwordSecret.key") -}}
{{- end -}}

{{/* The password from the values or the Secret, generated if neither has one; "" if another Secret has it. All
     templates of a rendering get the same password. */}}
{{- define "collector.redisPassword" -}}
{{- $redis := .Values.redis.internal -}}
{{- if not (include "collector.passwordSecret" .) -}}
{{- if not (hasKey $redis "made") -}}
{{- $_ := set $redis "made" ($redis.password | default (include "collector.kept" (list . (include "collector.redisName" .) "password")) | default (randAlphaNum 32)) -}}
{{- end -}}
{{- toString $redis.made -}}
{{- end -}}
{{- end -}}

{{/* The password known while rendering: from the values, or from a Secret that can be looked up. */}}
{{- define "collector.knownPassword" -}}
{{- $secret := include "collector.passwordSecret" . -}}
{{- if $secret -}}
{{- include "collector.kept" (list . $secret (include "collector.passwordKey" .)) -}}
{{- else -}}
{{- include "collector.redisPassword" . -}}
{{- end -}}
{{- end -}}

{{/* With autoscaling, keeps the current number of pods if it can be looked up, because removing `replicas` would scale
     the Deployment down to one pod. */}}
{{- define "collector.replicas" -}}
{{- if not .Values.autoscaling.enabled -}}
replicas: {{ .Values.replicas }}
{{- else -}}
{{- with lookup "apps/v1" "Deployment" (include "collector.namespace" .) (include "collector.fullname" .) -}}
replicas: {{ max 1 (.spec.replicas | int) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "collector.serviceAccountName" -}}
{{- $account := .Values.serviceAccount | default dict -}}
{{- include "collector.named" (list . ($account.name | default .Values.serviceAccountName | default (ternary (include "collector.fullname" .) "" (default false $account.create))) "serviceAccount.name") -}}
{{- end -}}

{{/* DNS is allowed everywhere: the cluster's name servers, a node's own, or port 5353, where OpenShift's pods listen. */}}
{{- define "collector.dnsRule" -}}
- ports:
    {{- range list 53 5353 }}
    - port: {{ . }}
      protocol: UDP
    - port: {{ . }}
      protocol: TCP
    {{- end }}
{{- end -}}
