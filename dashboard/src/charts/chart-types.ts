export type ChartTone =
  | 'actual'
  | 'forecast'
  | 'previous'
  | 'adjusted'
  | 'series1'
  | 'series2'
  | 'series3'
  | 'series4'
  | 'series5'
  | 'series6';

export interface LineOfChart {
  id: string;
  label: string;
  tone: ChartTone;
  dashed?: boolean;
  /** Values by date; a date without one is a gap. */
  values: ReadonlyMap<string, number>;
}

export interface BandOfChart {
  id: string;
  label: string;
  tone: ChartTone;
  lower: ReadonlyMap<string, number>;
  upper: ReadonlyMap<string, number>;
}
