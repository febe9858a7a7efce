{{- define "collector.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for a StatefulSet `<name>-redis`: its pods have a label of its name and 11 characters more. */}}
{{- define "collector.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" -}}
{{- else if contains (include "collector.name" .) .Release.Name -}}
{{- .Release.Name | trunc 46 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "collector.name" .) | trunc 46 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that select: they never change over upgrades. Takes a list of the root and the component. */}}
{{- define "collector.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "collector.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* All labels of an object. Takes a list of the root, the component, and labels besides; the chart's own win. */}}
{{- define "collector.labels" -}}
{{- $root := index . 0 -}}
{{- $own := fromYaml (include "collector.selectorLabels" (list $root (index . 1))) -}}
{{- $_ := set $own "app.kubernetes.io/version" $root.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63) -}}
{{- $more := dict -}}
{{- if gt (len .) 2 }}{{- $more = index . 2 | default dict -}}{{- end -}}
{{- toYaml (merge $own $more $root.Values.commonLabels) -}}
{{- end -}}

{{/* A value as the text that a file or variable holds: a number of a values file comes as 6.7108864e+07. */}}
{{- define "collector.text" -}}
{{- if kindIs "float64" . -}}{{ int64 . }}{{- else -}}{{ toString . }}{{- end -}}
{{- end -}}

{{/* Takes a list of the image's values and its default tag. */}}
{{- define "collector.image" -}}
{{- $image := index . 0 -}}
{{- with $image.registry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default (index . 1) $image.tag }}{{ end -}}
{{- end -}}

{{- define "collector.host" -}}
{{ include "collector.fullname" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end -}}

{{- define "collector.redisName" -}}
{{ include "collector.fullname" . }}-redis
{{- end -}}

{{- define "collector.bindingName" -}}
{{ default (printf "%s-binding" (include "collector.fullname" .)) .Values.binding.name }}
{{- end -}}

{{/* What the Secret of the release has under a key, as text; "" where there is none. Takes the root, the Secret's name
     and the key. */}}
{{- define "collector.kept" -}}
{{- $secret := lookup "v1" "Secret" (index . 0).Release.Namespace (index . 1) | default dict -}}
{{- get ($secret.data | default dict) (index . 2) | b64dec -}}
{{- end -}}

{{/* Whether the Secret that is published has a token: "true" or "". */}}
{{- define "collector.hasOwnToken" -}}
{{- if and .Values.tokens.required .Values.binding.enabled }}true{{ end -}}
{{- end -}}

{{/* The volume of the tokens: that they are such, those of the user, and the one of whoever binds to the published
     Secret. */}}
{{- define "collector.tokensVolume" -}}
name: binding-tokens
projected:
  defaultMode: 0440
  sources:
    {{- with .Values.tokens.secretName }}
    - secret:
        name: {{ . }}
        optional: true
    {{- end }}
    - secret:
        name: {{ include "collector.fullname" . }}-tokens
        optional: true
    {{- if include "collector.hasOwnToken" . }}
    - secret:
        name: {{ include "collector.bindingName" . }}
        optional: true
        items:
          - key: token
            path: binding
    {{- end }}
{{- end -}}

{{/* Where a binding is mounted: each in a folder of its own below this. */}}
{{- define "collector.bindingRoot" -}}/bindings{{- end -}}

{{/* The volume that becomes the binding: what the chart knows first, then the Secret, whose entries win. Both may be
     away: the pod starts, and is ready when they are there. */}}
{{- define "collector.bindingVolume" -}}
{{- $redis := .Values.redis -}}
name: binding-redis
projected:
  defaultMode: 0440
  sources:
    - secret:
        name: {{ if eq $redis.mode "internal" }}{{ include "collector.redisName" . }}{{ else }}{{ include "collector.redisName" . }}-entries{{ end }}
        optional: true
    {{- if eq $redis.mode "secret" }}
    - secret:
        name: {{ $redis.secret.name }}
        optional: true
        {{- with $redis.secret.items }}
        items:
          {{- toYaml . | nindent 10 }}
        {{- end }}
    {{- else if $redis.internal.passwordSecret.name }}
    - secret:
        name: {{ $redis.internal.passwordSecret.name }}
        optional: true
        items:
          - key: {{ $redis.internal.passwordSecret.key }}
            path: password
    {{- end }}
{{- end -}}

{{- define "collector.probes" -}}
startupProbe:
  httpGet:
    path: /healthz
    port: http
  periodSeconds: 1
  failureThreshold: 30
livenessProbe:
  httpGet:
    path: /healthz
    port: http
  {{- toYaml .Values.livenessProbe | nindent 2 }}
readinessProbe:
  httpGet:
    path: /readyz
    port: http
  {{- toYaml .Values.readinessProbe | nindent 2 }}
{{- end -}}

{{/* A duration such as 1m30s in whole seconds. */}}
{{- define "collector.seconds" -}}
{{- $days := regexFind "[0-9]+d" . | trimSuffix "d" | int -}}
{{- $hours := regexFind "[0-9]+h" . | trimSuffix "h" | int -}}
{{- $minutes := regexFind "[0-9]+m([^s]|$)" . | regexFind "[0-9]+" | int -}}
{{- $seconds := regexFind "[0-9]+s" . | trimSuffix "s" | int -}}
{{- add (mul $days 86400) (mul $hours 3600) (mul $minutes 60) $seconds -}}
{{- end -}}

{{/* Settings of Redis, and what starts and probes it. */}}
{{- define "collector.redisConfig" -}}
redis.conf: |
  bind * -::*
  port 6379
  dir /data
  appendonly yes
  appendfsync {{ .Values.redis.internal.appendfsync }}
  maxmemory {{ .Values.redis.internal.maxmemory }}
  maxmemory-policy noeviction
  # The append-only file is the one that counts: no snapshots besides.
  save ""
  tcp-keepalive 60
  {{- with .Values.redis.internal.config }}
  {{- . | trim | nindent 2 }}
  {{- end }}
# The password stays out of the command line, which other processes of a node can read.
start: |
  set -eu
  umask 077
  password=$(sed 's/[\\"]/\\&/g' /etc/redis/password/password)
  { cat /etc/redis/config/redis.conf; printf 'requirepass "%s"\n' "$password"; } >/run/redis/redis.conf
  server=$(command -v valkey-server || command -v redis-server)
  exec "$server" /run/redis/redis.conf
probe: |
  cli=$(command -v valkey-cli || command -v redis-cli)
  VALKEYCLI_AUTH=$(cat /etc/redis/password/password)
  export VALKEYCLI_AUTH REDISCLI_AUTH="$VALKEYCLI_AUTH"
  # By timeout, for redis-cli 7.0 has no option for that.
  [ "$(timeout 2 "$cli" -h 127.0.0.1 ping)" = PONG ]
{{- end -}}
