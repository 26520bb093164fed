{{/* The groups of the tested files, less what is disabled, with what is overridden; the files themselves hold no template of Helm. */}}
{{- define "screenshotmax-exporter.ruleGroups" -}}
{{- $values := .Values.prometheusRule -}}
{{- $groups := list -}}
{{- $names := list -}}
{{- range $file := list "files/alerts.yaml" "files/recording.yaml" -}}
{{- range $group := ($.Files.Get $file | fromYaml).groups -}}
{{- $rules := list -}}
{{- range $rule := $group.rules -}}
{{- if $rule.alert }}{{ $names = append $names $rule.alert }}{{ end -}}
{{- if not (has $rule.alert $values.disabled) -}}
{{- $rules = append $rules (include "screenshotmax-exporter.rule" (dict "rule" $rule "values" $values) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- if $rules }}{{ $groups = append $groups (set $group "rules" $rules) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range concat $values.disabled (keys $values.overrides | sortAlpha) -}}
{{- if not (has . $names) -}}
{{- fail (printf "prometheusRule: there is no alert %s, expected one of %s" . (join ", " $names)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end -}}

{{/* One rule as the values want it: a dict with rule and values. */}}
{{- define "screenshotmax-exporter.rule" -}}
{{- $rule := .rule -}}
{{- if $rule.alert -}}
{{- $_ := set $rule "labels" (merge (deepCopy .values.additionalRuleLabels) $rule.labels) -}}
{{- with .values.runbookUrl }}{{ $_ := set $rule.annotations "runbook_url" (printf "%s/%s.md" (trimSuffix "/" .) $rule.alert) }}{{ end -}}
{{- $rule = mergeOverwrite $rule (get .values.overrides $rule.alert | default dict | deepCopy) -}}
{{- end -}}
{{- toYaml $rule -}}
{{- end -}}
