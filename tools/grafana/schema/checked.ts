// Type of the dashboard, by Grafana's own schema. tests/observability/test_schema.py writes the JSON
// as a value of it, because tsc widens the texts of a JSON that is imported.
import type {
  Dashboard,
  GraphFieldConfig,
  OptionsWithTimezones,
  Panel,
  RowPanel,
  SingleStatBaseOptions,
  VizLegendOptions,
  VizTooltipOptions,
} from "@grafana/schema";

// enums as the texts that JSON has
type Json<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

type FieldConfig = NonNullable<Panel["fieldConfig"]>;

// options and custom fields are open in the schema of a panel, and closed in that of its plugin
type PanelOf<Type extends string, Options, Custom> = Json<
  Omit<Panel, "type" | "options" | "fieldConfig">
> & {
  type: Type;
  options: Json<Options>;
  fieldConfig: Json<Omit<FieldConfig, "defaults">> & {
    defaults: Json<Omit<FieldConfig["defaults"], "custom">> & { custom?: Json<Custom> };
  };
};

interface CurveOptions extends OptionsWithTimezones {
  legend: VizLegendOptions;
  tooltip: VizTooltipOptions;
}

interface ValueOptions extends SingleStatBaseOptions {
  colorMode: string;
  graphMode: string;
  justifyMode: string;
  percentChangeColorMode?: string;
  showPercentChange?: boolean;
  textMode: string;
  wideLayout?: boolean;
}

export type Checked = Json<Omit<Dashboard, "panels">> & {
  panels: (
    | PanelOf<"timeseries", CurveOptions, GraphFieldConfig>
    | PanelOf<"stat", ValueOptions, never>
    | Json<RowPanel>
  )[];
};
