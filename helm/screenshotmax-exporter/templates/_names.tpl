{{- define "screenshotmax-exporter.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Names of pods and labels are cut at 63; a StatefulSet's pods and revisions put up to 11 characters behind its name. */}}
{{- define "screenshotmax-exporter.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $own := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $own | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "screenshotmax-exporter.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* Nothing else may ever be in a selector: Kubernetes lets nobody change one. */}}
{{- define "screenshotmax-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "screenshotmax-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* Labels of the test's pod, which must not be among those that the Service selects. */}}
{{- define "screenshotmax-exporter.testLabels" -}}
app.kubernetes.io/name: {{ include "screenshotmax-exporter.name" . | trunc 58 | trimSuffix "-" }}-test
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "screenshotmax-exporter.labels" -}}
{{- $chart := printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $own := dict "helm.sh/chart" $chart "app.kubernetes.io/managed-by" .Release.Service "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- merge (include "screenshotmax-exporter.selectorLabels" . | fromYaml) $own (.Values.commonLabels | default dict) | toYaml -}}
{{- end -}}

{{/* The head of every object: a dict with root, and where they differ name, namespace, labels and annotations. */}}
{{- define "screenshotmax-exporter.metadata" -}}
metadata:
  name: {{ .name | default (include "screenshotmax-exporter.fullname" .root) | quote }}
  namespace: {{ .namespace | default (include "screenshotmax-exporter.namespace" .root) | quote }}
  labels:
    {{- merge (include "screenshotmax-exporter.labels" .root | fromYaml) (.labels | default dict) | toYaml | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "screenshotmax-exporter.serviceAccountName" -}}
{{- $own := .Values.serviceAccount.create | ternary (include "screenshotmax-exporter.fullname" .) "default" -}}
{{- .Values.serviceAccount.name | default $own -}}
{{- end -}}

{{- define "screenshotmax-exporter.image" -}}
{{- include "screenshotmax-exporter.imageName" (dict "root" . "image" .Values.image) -}}
{{- end -}}

{{/* The name of an image: a dict with root and image, which are registry, repository, tag and digest. */}}
{{- define "screenshotmax-exporter.imageName" -}}
{{- $registry := ((.root.Values.global).imageRegistry) | default .image.registry -}}
{{- $name := $registry | empty | ternary .image.repository (printf "%s/%s" $registry .image.repository) -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* A StatefulSet where pods differ from one another: by their ledgers or by their shards. */}}
{{- define "screenshotmax-exporter.stateful" -}}
{{- $claims := and .Values.persistence.enabled (not .Values.persistence.existingClaim) -}}
{{- or $claims (gt (int .Values.sharding.totalShards) 1) | ternary "true" "" -}}
{{- end -}}
