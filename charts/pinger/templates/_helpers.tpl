{{/* Fills in missing values: `--reuse-values` brings those of an older version, and `null` removes some. Each template
     begins with this; missing switches stay off. */}}
{{- define "pinger.prepare" -}}
{{- $_ := merge .Values (fromYaml (include "pinger.least" .)) -}}
{{- end -}}

{{- define "pinger.least" -}}
image: {repository: pinger, pullPolicy: IfNotPresent}
drainDelay: 5s
grace: 25s
terminationGracePeriodSeconds: 35
service: {type: ClusterIP, port: 3000}
ingress: {}
httpRoute: {}
networkPolicy: {}
autoscaling: {minReplicas: 2, maxReplicas: 8, targetCPUUtilizationPercentage: 200}
podDisruptionBudget: {}
serviceMonitor: {interval: 30s}
prometheusRule: {}
dashboard: {}
collector:
  mode: secret
  secret: {name: collector-binding}
  serviceBinding: {service: {apiVersion: v1, kind: Secret, name: collector-binding}}
{{- end -}}

{{- define "pinger.name" -}}
{{- include "pinger.named" (list . .Values.nameOverride "nameOverride") | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* The release's name, followed by the chart's name unless the release's name already ends with it, so two charts of
     an umbrella never share a name. A checksum keeps a truncated name unique. Services get this name, so it must be a
     DNS label. */}}
{{- define "pinger.fullname" -}}
{{- $chart := include "pinger.name" . -}}
{{- $full := include "pinger.named" (list . .Values.fullnameOverride "fullnameOverride") -}}
{{- if not $full -}}
{{- $full = ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (or (eq .Release.Name $chart) (hasSuffix (printf "-%s" $chart) .Release.Name)) -}}
{{- end -}}
{{- if gt (len $full) 50 -}}
{{- $full = printf "%s-%s" ($full | trunc 43 | trimSuffix "-") (sha256sum $full | trunc 6) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $full) -}}
{{- fail (printf "%q can't name a Service: it takes lower-case letters, digits and hyphens, and begins with a letter. Choose another release name, or set fullnameOverride" $full) -}}
{{- end -}}
{{- $full -}}
{{- end -}}

{{- define "pinger.namespace" -}}
{{- include "pinger.named" (list . .Values.namespaceOverride "namespaceOverride") | default .Release.Namespace -}}
{{- end -}}

{{/* Selector labels, which never change across upgrades. Takes a list of the root and the component. */}}
{{- define "pinger.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "pinger.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Converts a map of values, each of which may be a template, to strings. Takes a list of the root, the map and its
     place in the values. */}}
{{- define "pinger.texts" -}}
{{- $root := index . 0 -}}
{{- $place := index . 2 -}}
{{- $texts := dict -}}
{{- range $key, $value := index . 1 -}}
{{- $_ := set $texts $key (tpl (include "pinger.text" (list $value (printf "%s.%s" $place $key))) $root) -}}
{{- end -}}
{{- toYaml $texts -}}
{{- end -}}

{{/* All labels of an object. Takes a list of the root, the component, and additional labels; the chart's own take
     precedence. */}}
{{- define "pinger.labels" -}}
{{- $root := index . 0 -}}
{{- $own := fromYaml (include "pinger.selectorLabels" (list $root (index . 1))) -}}
{{- $_ := set $own "app.kubernetes.io/version" (toString $root.Chart.AppVersion) -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63) -}}
{{- $more := dict -}}
{{- if gt (len .) 2 }}{{- $more = fromYaml (include "pinger.texts" (list $root (index . 2 | default dict) "labels")) -}}{{- end -}}
{{- toYaml (merge $own $more (fromYaml (include "pinger.texts" (list $root ($root.Values.commonLabels | default dict) "commonLabels")))) -}}
{{- end -}}

{{/* Name, namespace, labels and annotations of an object. Takes a dict: root, name, component, labels, annotations. */}}
{{- define "pinger.metadata" -}}
{{- $root := .root -}}
name: {{ .name | quote }}
namespace: {{ include "pinger.namespace" $root | quote }}
labels:
  {{- include "pinger.labels" (list $root .component .labels) | nindent 2 }}
{{- $annotations := merge (dict) (.annotations | default dict) ($root.Values.commonAnnotations | default dict) }}
{{- with $annotations }}
annotations:
  {{- include "pinger.texts" (list $root . "annotations") | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A value as a string for a file, a label or a variable. Values files turn a number such as 67108864 into
     6.7108864e+07, and lose digits of a number beyond 2^53. Takes a list of the value and its place in the values. */}}
{{- define "pinger.text" -}}
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
{{- define "pinger.named" -}}
{{- tpl (include "pinger.text" (list (index . 1 | default "") (index . 2))) (index . 0) -}}
{{- end -}}

{{/* An entry of a binding as a string. A secret that is a number has already lost its leading zeros: YAML reads 0123 as
     83. Takes a list of the entry's name, its value and its place in the values. */}}
{{- define "pinger.entry" -}}
{{- if and (has (kindOf (index . 1)) (list "float64" "int" "int64")) (regexMatch "(?i)pass|secret|token|auth|user|key|cert" (index . 0)) -}}
{{- fail (printf "%s.%s: leading zeros of a number are lost: put it in quotes, or use --set-string" (index . 2) (index . 0)) -}}
{{- end -}}
{{- include "pinger.text" (list (index . 1) (printf "%s.%s" (index . 2) (index . 0))) -}}
{{- end -}}

{{/* Variables of a container, with numbers and booleans as strings; a secret must be a string, as in an entry. Takes a
     list of the variables and their place in the values. */}}
{{- define "pinger.variables" -}}
{{- $place := index . 1 -}}
{{- range index . 0 }}
{{- $variable := deepCopy . }}
{{- $take := ternary "pinger.entry" "pinger.text" (regexMatch "(?i)(pass|password|secret|token|user|username|key)$" .name) }}
{{- if hasKey . "value" }}{{- $_ := set $variable "value" (include $take (ternary (list .name .value $place) (list .value (printf "%s.%s" $place .name)) (hasSuffix ".entry" $take))) }}{{- end }}
- {{ toYaml $variable | nindent 2 | trim }}
{{- end }}
{{- end -}}

{{/* Takes a list of the root, the image's values and its default tag. */}}
{{- define "pinger.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- with (($root.Values.global).imageRegistry) | default $image.registry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ include "pinger.text" (list ($image.tag | default (index . 2)) "image.tag") }}{{ end -}}
{{- end -}}

{{/* The pull secrets of the chart and of an umbrella's `global`, where they may be plain names. */}}
{{- define "pinger.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat ((.Values.global).imagePullSecrets | default list) (.Values.imagePullSecrets | default list) -}}
{{- $names = append $names (include "pinger.text" (list (ternary (get (ternary . dict (kindIs "map" .)) "name") . (kindIs "map" .)) "imagePullSecrets")) -}}
{{- end -}}
{{- with uniq $names }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The root of the bindings; each is mounted in its own folder below it. */}}
{{- define "pinger.bindingRoot" -}}/bindings{{- end -}}

{{/* The volume that becomes the binding: entries of these values first, then the Secret, whose entries take precedence.
     The Secret may be missing: log records wait until it exists. */}}
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
        name: {{ include "pinger.named" (list . $secret.name "collector.secret.name") | quote }}
        optional: true
        {{- with $secret.items }}
        items:
          {{- toYaml . | nindent 10 }}
        {{- end }}
{{- end -}}

{{/* A probe with the chart's own handler, unless the values have one; nothing if the values disable it. Takes a list of
     the name, its values and the chart's handler. */}}
{{- define "pinger.probe" -}}
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
{{- define "pinger.probes" -}}
{{- $alive := "httpGet:\n  path: /healthz\n  port: http" -}}
{{- $ready := "exec:\n  command: [/usr/bin/pinger, request, GET, \"http://127.0.0.1:3000/readyz\", --timeout, \"2\"]" -}}
{{- include "pinger.probe" (list "startupProbe" .Values.startupProbe $alive) }}
{{- include "pinger.probe" (list "livenessProbe" .Values.livenessProbe $alive) }}
{{- include "pinger.probe" (list "readinessProbe" .Values.readinessProbe $ready) }}
{{- end -}}

{{/* A duration such as 1m30s in whole seconds. */}}
{{- define "pinger.seconds" -}}
{{- $days := regexFind "[0-9]+d" . | trimSuffix "d" | int -}}
{{- $hours := regexFind "[0-9]+h" . | trimSuffix "h" | int -}}
{{- $minutes := regexFind "[0-9]+m([^s]|$)" . | regexFind "[0-9]+" | int -}}
{{- $seconds := regexFind "[0-9]+s" . | trimSuffix "s" | int -}}
{{- add (mul $days 86400) (mul $hours 3600) (mul $minutes 60) $seconds -}}
{{- end -}}

{{/* With autoscaling, keeps the current number of pods if it can be looked up, because removing `replicas` would scale
     the Deployment down to one pod. */}}
{{- define "pinger.replicas" -}}
{{- if not .Values.autoscaling.enabled -}}
replicas: {{ .Values.replicas }}
{{- else -}}
{{- with lookup "apps/v1" "Deployment" (include "pinger.namespace" .) (include "pinger.fullname" .) -}}
replicas: {{ max 1 (.spec.replicas | int) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "pinger.serviceAccountName" -}}
{{- $account := .Values.serviceAccount | default dict -}}
{{- include "pinger.named" (list . ($account.name | default .Values.serviceAccountName | default (ternary (include "pinger.fullname" .) "" (default false $account.create))) "serviceAccount.name") -}}
{{- end -}}

{{/* How pods spread: over nodes, each revision separately, so that pods about to be replaced do not count. A constraint
     with a label that a node lacks would disable the scoring of that node, so zones are an affinity. */}}
{{- define "pinger.spread" -}}
{{- $hasLabelKeys := semverCompare ">=1.27-0" .Capabilities.KubeVersion.Version -}}
{{- with .Values.topologySpread }}
topologySpreadConstraints:
  {{- range . }}
  - labelSelector:
      matchLabels:
        {{- include "pinger.selectorLabels" (list $ "server") | nindent 8 }}
    {{- if and $hasLabelKeys (not (hasKey . "matchLabelKeys")) }}
    matchLabelKeys: [pod-template-hash]
    {{- end }}
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- $affinity := deepCopy (.Values.affinity | default dict) }}
{{- if and .Values.spreadOverZones (not (hasKey $affinity "podAntiAffinity")) }}
{{- $term := dict "topologyKey" "topology.kubernetes.io/zone" "labelSelector" (dict "matchLabels" (fromYaml (include "pinger.selectorLabels" (list . "server")))) }}
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

{{/* DNS is allowed everywhere: the cluster's name servers, a node's own, or port 5353, where OpenShift's pods listen. */}}
{{- define "pinger.dnsRule" -}}
- ports:
    {{- range list 53 5353 }}
    - port: {{ . }}
      protocol: UDP
    - port: {{ . }}
      protocol: TCP
    {{- end }}
{{- end -}}
