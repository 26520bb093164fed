{{- define "screenshotmax-exporter.args" -}}
- --config.file=/etc/screenshotmax-exporter/config.yaml
{{- if and .Values.autoReload (not .Values.configReloader.enabled) }}
- --config.enable-auto-reload
{{- end }}
- --storage.path=/var/lib/screenshotmax-exporter/ledger.db
- --web.listen-address={{ and .Values.sidecar.enabled .Values.sidecar.loopback | ternary "127.0.0.1" "" }}:{{ .Values.containerPort }}
{{- if (include "screenshotmax-exporter.web" . | fromYaml).given }}
- --web.config.file={{ include "screenshotmax-exporter.webConfigFile" . }}
{{- end }}
{{- with .Values.web.externalUrl }}
- --web.external-url={{ . }}
{{- end }}
{{- with .Values.web.routePrefix }}
- --web.route-prefix={{ . }}
{{- end }}
{{- if ne .Values.web.telemetryPath "/metrics" }}
- --web.telemetry-path={{ .Values.web.telemetryPath }}
{{- end }}
{{- if or .Values.web.enableLifecycle .Values.configReloader.enabled }}
- --web.enable-lifecycle
{{- end }}
{{- if gt (int .Values.sharding.totalShards) 1 }}
- --shard=auto
- --total-shards={{ .Values.sharding.totalShards }}
{{- end }}
- --log.level={{ .Values.log.level }}
- --log.format={{ .Values.log.format }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "screenshotmax-exporter.env" -}}
{{- if gt (int .Values.sharding.totalShards) 1 }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Directories and never single files: what is mounted with subPath stays as it was when it changes. */}}
{{- define "screenshotmax-exporter.fileMounts" -}}
- name: screenshotmax-config
  mountPath: /etc/screenshotmax-exporter
  readOnly: true
{{- if (include "screenshotmax-exporter.web" . | fromYaml).given }}
- name: screenshotmax-web-config
  mountPath: /etc/screenshotmax-exporter-web
  readOnly: true
{{- end }}
{{- if .Values.existingSecret.name }}
- name: screenshotmax-keys
  mountPath: /run/secrets/screenshotmax
  readOnly: true
{{- end }}
{{- range concat (.Values.extraSecretMounts | default list) (.Values.extraConfigmapMounts | default list) }}
- name: {{ .name }}
  mountPath: {{ .mountPath }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* In a pod of somebody else there is no fsGroup that lets us read what root owns; only our container has these mounts. */}}
{{- define "screenshotmax-exporter.secretMode" -}}
defaultMode: {{ .Values.sidecar.enabled | ternary "0444" "0440" }}
{{- end -}}

{{- define "screenshotmax-exporter.fileVolumes" -}}
{{- $mode := include "screenshotmax-exporter.secretMode" . -}}
- name: screenshotmax-config
{{- if or .Values.secretConfig .Values.configExistingSecretName }}
  secret:
    secretName: {{ .Values.configExistingSecretName | default (include "screenshotmax-exporter.fullname" .) }}
    {{ $mode }}
{{- else }}
  configMap:
    name: {{ include "screenshotmax-exporter.fullname" . }}
{{- end }}
{{- if (include "screenshotmax-exporter.web" . | fromYaml).given }}
- name: screenshotmax-web-config
  secret:
    secretName: {{ .Values.webConfigExistingSecret.name | default (printf "%s-web" (include "screenshotmax-exporter.fullname" .)) }}
    {{ $mode }}
{{- end }}
{{- with .Values.existingSecret }}
{{- if .name }}
- name: screenshotmax-keys
  secret:
    secretName: {{ .name }}
    {{ $mode }}
    {{- if $.Values.sidecar.enabled }}
    optional: true
    {{- end }}
    {{- with .items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}
{{- end }}
{{- range .Values.extraSecretMounts }}
- name: {{ .name }}
  secret:
    {{- dict "secretName" .secretName | merge (pick . "items" "optional") | toYaml | nindent 4 }}
    {{ $mode }}
{{- end }}
{{- range .Values.extraConfigmapMounts }}
- name: {{ .name }}
  configMap:
    {{- dict "name" .configMap | merge (pick . "items" "optional") | toYaml | nindent 4 }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "screenshotmax-exporter.container" -}}
name: screenshotmax-exporter
image: {{ include "screenshotmax-exporter.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  {{- include "screenshotmax-exporter.args" . | nindent 2 }}
{{- with include "screenshotmax-exporter.env" . | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if not (and .Values.sidecar.enabled .Values.sidecar.loopback) }}
ports:
  - name: {{ include "screenshotmax-exporter.portName" . }}
    containerPort: {{ .Values.containerPort }}
    protocol: TCP
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include "screenshotmax-exporter.fileMounts" . | nindent 2 }}
  - name: screenshotmax-ledger
    mountPath: /var/lib/screenshotmax-exporter
{{- end -}}

{{- define "screenshotmax-exporter.podAnnotations" -}}
{{- $web := .Values.webConfig -}}
{{- if not (or .Values.autoReload .Values.configReloader.enabled .Values.configExistingSecretName) }}
checksum/config: {{ toYaml .Values.config | sha256sum }}
{{- end }}
{{- if and $web (not .Values.webConfigExistingSecret.name) }}
# Of the web configuration these alone wait for a restart.
checksum/web-config: {{ list (include "screenshotmax-exporter.web" . | fromYaml).tls ($web.rate_limit | default dict) | toJson | sha256sum }}
{{- end }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "screenshotmax-exporter.podTemplate" -}}
metadata:
  labels:
    {{- merge (include "screenshotmax-exporter.selectorLabels" . | fromYaml) (.Values.podLabels | default dict) (.Values.commonLabels | default dict) | toYaml | nindent 4 }}
  {{- with include "screenshotmax-exporter.podAnnotations" . | trim }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
spec:
  {{- include "screenshotmax-exporter.podSettings" . | nindent 2 }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  containers:
    - {{- include "screenshotmax-exporter.container" . | nindent 6 | trim | printf " %s" }}
      securityContext:
        {{- toYaml (.Values.securityContext | default dict) | nindent 8 }}
      livenessProbe:
        {{- include "screenshotmax-exporter.probe" (dict "root" . "probe" .Values.livenessProbe "path" "/-/healthy") | nindent 8 }}
      readinessProbe:
        {{- include "screenshotmax-exporter.probe" (dict "root" . "probe" .Values.readinessProbe "path" "/-/ready") | nindent 8 }}
      {{- with .Values.startupProbe }}
      startupProbe:
        {{- include "screenshotmax-exporter.probe" (dict "root" $ "probe" . "path" "/-/healthy") | nindent 8 }}
      {{- end }}
    {{- if .Values.configReloader.enabled }}
    - {{- include "screenshotmax-exporter.reloader" . | nindent 6 | trim | printf " %s" }}
    {{- end }}
    {{- with .Values.extraContainers }}
    {{- tpl (toYaml .) $ | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "screenshotmax-exporter.fileVolumes" . | nindent 4 }}
    {{- if .Values.persistence.existingClaim }}
    - name: screenshotmax-ledger
      persistentVolumeClaim:
        claimName: {{ .Values.persistence.existingClaim }}
    {{- else if not .Values.persistence.enabled }}
    {{- include "screenshotmax-exporter.emptyDir" . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "screenshotmax-exporter.emptyDir" -}}
- name: screenshotmax-ledger
  emptyDir:
    {{- toYaml (.Values.emptyDir | default dict) | nindent 4 }}
{{- end -}}

{{/* What the pod of the daemon and that of the test have in common beside containers and volumes. */}}
{{- define "screenshotmax-exporter.podSettings" -}}
serviceAccountName: {{ include "screenshotmax-exporter.serviceAccountName" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automountServiceAccountToken }}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- with concat ((.Values.global).imagePullSecrets | default list) (.Values.imagePullSecrets | default list) }}
imagePullSecrets:
  {{- range . }}
  - {{ if kindIs "string" . }}name: {{ . }}{{ else }}{{ toYaml . }}{{ end }}
  {{- end }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $settings := pick .Values "priorityClassName" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "hostAliases" "dnsPolicy" "dnsConfig" }}
{{- range $key, $value := $settings }}
{{- if $value }}
{{ tpl (toYaml (dict $key $value)) $ }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "screenshotmax-exporter.testContainer" -}}
image: {{ include "screenshotmax-exporter.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml (.Values.securityContext | default dict) | nindent 2 }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include "screenshotmax-exporter.fileMounts" . | nindent 2 }}
{{- end -}}

{{/*
Told in full, and with the defaults of Kubernetes: a server-side apply takes back what it gave and nothing else, so a rollingUpdate
that Kubernetes filled in would stay, and keep the type from ever becoming Recreate. A null beside the type does not remove it.
*/}}
{{- define "screenshotmax-exporter.strategy" -}}
{{- if .Values.persistence.existingClaim -}}
# The old pod must have let go of the ledger before the new one opens it.
type: Recreate
{{- else if eq ((.Values.strategy).type | default "") "Recreate" -}}
{{- toYaml .Values.strategy -}}
{{- else -}}
{{- $rolling := dict "maxSurge" "25%" "maxUnavailable" "25%" -}}
{{- range $key, $value := (.Values.strategy).rollingUpdate }}{{ $_ := set $rolling $key $value }}{{ end -}}
{{- merge (dict "rollingUpdate" $rolling) (.Values.strategy | default dict) (dict "type" "RollingUpdate") | toYaml -}}
{{- end -}}
{{- end -}}

{{/* The same of a StatefulSet, where Kubernetes fills in maxUnavailable too from 1.35 on. */}}
{{- define "screenshotmax-exporter.updateStrategy" -}}
{{- if eq ((.Values.updateStrategy).type | default "") "OnDelete" -}}
type: OnDelete
{{- else -}}
{{- $filled := semverCompare ">=1.35-0" .Capabilities.KubeVersion.Version | ternary (dict "maxUnavailable" 1) dict -}}
{{- $rolling := merge (dict "partition" 0) $filled -}}
{{- range $key, $value := (.Values.updateStrategy).rollingUpdate }}{{ $_ := set $rolling $key $value }}{{ end -}}
{{- merge (dict "rollingUpdate" $rolling) (.Values.updateStrategy | default dict) (dict "type" "RollingUpdate") | toYaml -}}
{{- end -}}
{{- end -}}
