{{- define "pinger.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "pinger.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "pinger.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "pinger.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that select: they never change over upgrades. Takes a list of the root and the component. */}}
{{- define "pinger.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "pinger.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* All labels of an object. Takes a list of the root, the component, and labels besides; the chart's own win. */}}
{{- define "pinger.labels" -}}
{{- $root := index . 0 -}}
{{- $own := fromYaml (include "pinger.selectorLabels" (list $root (index . 1))) -}}
{{- $_ := set $own "app.kubernetes.io/version" $root.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63) -}}
{{- $more := dict -}}
{{- if gt (len .) 2 }}{{- $more = index . 2 | default dict -}}{{- end -}}
{{- toYaml (merge $own $more $root.Values.commonLabels) -}}
{{- end -}}

{{/* A value as the text that a file or variable holds: a number of a values file comes as 6.7108864e+07. */}}
{{- define "pinger.text" -}}
{{- if kindIs "float64" . -}}{{ int64 . }}{{- else -}}{{ toString . }}{{- end -}}
{{- end -}}

{{/* Takes a list of the image's values and its default tag. */}}
{{- define "pinger.image" -}}
{{- $image := index . 0 -}}
{{- with $image.registry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default (index . 1) $image.tag }}{{ end -}}
{{- end -}}

{{/* Where a binding is mounted: each in a folder of its own below this. */}}
{{- define "pinger.bindingRoot" -}}/bindings{{- end -}}

{{/* The volume that becomes the binding: entries of these values first, then the Secret, whose entries win. The Secret
     may be away: log records wait until it is there. */}}
{{- define "pinger.bindingVolume" -}}
{{- $secret := .Values.collector.secret -}}
name: binding-collector
projected:
  defaultMode: 0440
  sources:
    {{- if $secret.entries }}
    - secret:
        name: {{ include "pinger.fullname" . }}-collector-entries
        optional: true
    {{- end }}
    - secret:
        name: {{ $secret.name }}
        optional: true
        {{- with $secret.items }}
        items:
          {{- toYaml . | nindent 10 }}
        {{- end }}
{{- end -}}

{{- define "pinger.probes" -}}
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
{{- define "pinger.seconds" -}}
{{- $days := regexFind "[0-9]+d" . | trimSuffix "d" | int -}}
{{- $hours := regexFind "[0-9]+h" . | trimSuffix "h" | int -}}
{{- $minutes := regexFind "[0-9]+m([^s]|$)" . | regexFind "[0-9]+" | int -}}
{{- $seconds := regexFind "[0-9]+s" . | trimSuffix "s" | int -}}
{{- add (mul $days 86400) (mul $hours 3600) (mul $minutes 60) $seconds -}}
{{- end -}}
