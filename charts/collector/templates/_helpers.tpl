{{- define "collector.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "collector.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "collector.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "collector.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that select: they never change over upgrades. Takes a list of the root and the component. */}}
{{- define "collector.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "collector.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "collector.labels" -}}
{{- $root := index . 0 -}}
{{ include "collector.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
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
{{- $hours := regexFind "[0-9]+h" . | trimSuffix "h" | int -}}
{{- $minutes := regexFind "[0-9]+m([^s]|$)" . | regexFind "[0-9]+" | int -}}
{{- $seconds := regexFind "[0-9]+s" . | trimSuffix "s" | int -}}
{{- add (mul $hours 3600) (mul $minutes 60) $seconds -}}
{{- end -}}
