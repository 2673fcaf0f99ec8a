import { scaleLinear } from 'd3-scale';
import { type ReactNode, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Format, useFormat } from '@/format/use-format';
import { Button } from '@/ui/button';
import { classes } from '@/ui/classes';
import { type Column, DataTable, TableOfChart } from '@/ui/data-table';
import styles from './waterfall.module.css';
import {
  axisOf,
  largestParts,
  type Span,
  spansFrom,
  spansOf,
  sumOf,
  type WaterfallFact,
  type WaterfallPart,
  type WaterfallStep,
} from './waterfall-bars';

const PARTS_SHOWN = 6;
const THICKNESS = 18;

type Place = (units: number) => string;

/** What all rows share: the axis, and formatters, which are slow to make. */
interface Shared {
  place: Place;
  format: Format;
  changes: boolean;
}

interface WaterfallProps {
  /** Name of the chart, also of its table. */
  title: string;
  /** What the chart shows, in a sentence, for who does not see it. */
  summary: string;
  steps: readonly WaterfallStep[];
  /** Whether start and end are of about the same height: marks, so that the changes are seen. */
  changes?: boolean;
}

/** Return where units lie on the bars' common axis, in percent of its width. */
function placeOn(spans: readonly Span[], changes: boolean): Place {
  const scale = scaleLinear().domain(axisOf(spans, changes)).range([0.5, 99.5]);
  return (units) => `${scale(units)}%`;
}

/**
 * Horizontal bars from a start to an end: what each step adds or takes.
 *
 * Names and values are text beside the bars, so that they are read, found and zoomed like any text;
 * a step with parts opens to show them.
 */
export function Waterfall({ title, summary, steps, changes = false }: WaterfallProps) {
  const id = useId();
  const format = useFormat();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const spans = spansOf(steps);
  const parts = steps.map((step, at) => spansFrom(spans[at]?.from ?? 0, step.parts ?? []));
  const place = placeOn([...spans, ...parts.filter((_, at) => isOpen(at)).flat()], changes);

  function isOpen(at: number): boolean {
    return open.has(steps[at]?.id ?? '');
  }

  function toggle(step: string): void {
    const next = new Set(open);
    if (!next.delete(step)) next.add(step);
    setOpen(next);
  }

  return (
    <figure className={styles.chart} aria-labelledby={`${id}-title`}>
      <figcaption id={`${id}-title`} className="visually-hidden">
        {title}. {summary}
      </figcaption>
      <ol className={styles.steps}>
        {steps.map((step, at) => (
          <Step
            key={step.id}
            step={step}
            span={spans[at] as Span}
            place={place}
            format={format}
            changes={changes}
            open={isOpen(at)}
            toggle={() => toggle(step.id)}
          />
        ))}
      </ol>
      <WaterfallTable title={title} steps={steps} />
    </figure>
  );
}

function Step({
  step,
  span,
  open,
  toggle,
  ...shared
}: Shared & {
  step: WaterfallStep;
  span: Span;
  open: boolean;
  toggle: () => void;
}) {
  const id = useId();
  const technical = useTranslation().t('explain.technical');
  const { parts = [], facts = [] } = step;
  const unfolds = parts.length + facts.length > 0;
  const label = unfolds ? (
    <button
      type="button"
      className={styles.toggle}
      aria-expanded={open}
      aria-controls={id}
      onClick={toggle}
    >
      <span className={classes(styles.chevron, open && styles.turned)} aria-hidden="true" />
      {step.label}
    </button>
  ) : (
    <span className={styles.name}>{step.label}</span>
  );
  return (
    <li>
      <Row {...shared} step={step} kind={step.kind} span={span} label={label} />
      {unfolds && (
        <div id={id} hidden={!open}>
          {open && <p className={styles.technical}>{technical}</p>}
          {open && parts.length > 0 && <Parts {...shared} parts={parts} from={span.from} />}
          {open && facts.length > 0 && <Facts facts={facts} />}
        </div>
      )}
    </li>
  );
}

/** The parts of a step, of which the small ones are one bar until they are asked for. */
function Parts({
  parts,
  from,
  ...shared
}: Shared & {
  parts: readonly WaterfallPart[];
  from: number;
}) {
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  const { shown, rest } = largestParts(parts, PARTS_SHOWN);
  const count = rest.length;
  const together = { id: 'rest', label: t('explain.chart.rest', { count }), units: sumOf(rest) };
  const rows = all ? [...shown, ...rest] : count > 0 ? [...shown, together] : shown;
  const spans = spansFrom(from, rows);
  return (
    <>
      <ol className={styles.parts}>
        {rows.map((part, at) => (
          <li key={part.id}>
            <Row
              {...shared}
              step={part}
              kind="part"
              span={spans[at] as Span}
              label={<span className={styles.name}>{part.label}</span>}
            />
          </li>
        ))}
      </ol>
      {count > 0 && (
        <Button look="quiet" onClick={() => setAll(!all)}>
          {all ? t('explain.chart.restHide') : t('explain.chart.restShow', { count })}
        </Button>
      )}
    </>
  );
}

/** What stands behind a step: values, of which the first are shown until all are asked for. */
function Facts({ facts }: { facts: readonly WaterfallFact[] }) {
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  const few = facts.length <= PARTS_SHOWN + 1;
  const count = facts.length - PARTS_SHOWN;
  return (
    <>
      <ul className={styles.parts}>
        {(few || all ? facts : facts.slice(0, PARTS_SHOWN)).map((fact) => (
          <li key={fact.id} className={styles.fact}>
            <span className={styles.name}>
              {fact.label}
              <span className={styles.remark}>{fact.detail}</span>
            </span>
            <span>{fact.value}</span>
          </li>
        ))}
      </ul>
      {!few && (
        <Button look="quiet" onClick={() => setAll(!all)}>
          {t(all ? 'explain.chart.factsHide' : 'explain.chart.factsShow', { count })}
        </Button>
      )}
    </>
  );
}

function Row({
  step,
  kind,
  span,
  label,
  place,
  changes,
  format: { units, change },
}: Shared & {
  step: WaterfallPart;
  kind: WaterfallStep['kind'] | 'part';
  span: Span;
  label: ReactNode;
}) {
  const whole = kind === 'start' || kind === 'end';
  const tone = whole ? styles.whole : span.to >= span.from ? styles.more : styles.less;
  return (
    <div className={classes(styles.row, styles[kind])}>
      <div className={styles.label}>
        {label}
        {step.detail && <span className={styles.detail}>{step.detail}</span>}
        {step.value && <span className={styles.value}>{step.value}</span>}
      </div>
      <Bar span={span} place={place} tone={tone} floating={!whole} mark={whole && changes} />
      <output className={styles.units}>{whole ? units(step.units) : change(step.units)}</output>
    </div>
  );
}

/** One bar, with thin lines to the bars above and below that begin and end where it does. */
function Bar({
  span,
  place,
  tone,
  floating,
  mark,
}: {
  span: Span;
  place: Place;
  tone: string | undefined;
  floating: boolean;
  /** Whether only its end is shown. */
  mark: boolean;
}) {
  const left = Math.min(span.from, span.to);
  const right = Math.max(span.from, span.to);
  const edge = mark ? 6 : 2;
  const width = `${Number.parseFloat(place(right)) - Number.parseFloat(place(left))}%`;
  return (
    <svg className={classes(styles.bar, tone)} aria-hidden="true">
      {!mark && <line className={styles.zero} x1={place(0)} x2={place(0)} y1="0%" y2="100%" />}
      {floating && (
        <>
          <line
            className={styles.joint}
            x1={place(span.from)}
            x2={place(span.from)}
            y1="0%"
            y2="50%"
          />
          <line
            className={styles.joint}
            x1={place(span.to)}
            x2={place(span.to)}
            y1="50%"
            y2="100%"
          />
        </>
      )}
      {!mark && (
        <g transform={`translate(0 ${-THICKNESS / 2})`}>
          <rect x={place(left)} y="50%" width={width} height={THICKNESS} />
        </g>
      )}
      {/* a change too small to have a width is still seen */}
      <g transform={`translate(${-edge / 2} ${-THICKNESS / 2})`}>
        <rect className={styles.edge} x={place(span.to)} y="50%" width={edge} height={THICKNESS} />
      </g>
    </svg>
  );
}

interface TableRow {
  id: string;
  label: string;
  nested: boolean;
  detail: string;
  value: string;
  units: string;
  sum: number | null;
}

function useTableRows(steps: readonly WaterfallStep[]): TableRow[] {
  const { units, change } = useFormat();
  const spans = spansOf(steps);
  const row = (part: WaterfallPart, nested: boolean, whole: boolean, sum: number): TableRow => ({
    id: part.id,
    label: part.label,
    nested,
    detail: part.detail ?? '',
    value: part.value ?? '',
    units: whole ? units(part.units) : change(part.units),
    sum,
  });
  return steps.flatMap((step, at) => {
    const { from, to } = spans[at] as Span;
    const inner = spansFrom(from, step.parts ?? []);
    return [
      row(step, false, step.kind !== 'change', to),
      ...(step.parts ?? []).map((part, of) => ({
        ...row(part, true, false, (inner[of] as Span).to),
        id: `${step.id}/${part.id}`,
      })),
      ...(step.facts ?? []).map(
        ({ id, ...fact }): TableRow => ({
          ...fact,
          id: `${step.id}/${id}`,
          nested: true,
          units: '',
          sum: null,
        }),
      ),
    ];
  });
}

function WaterfallTable({ title, steps }: { title: string; steps: readonly WaterfallStep[] }) {
  const { t } = useTranslation();
  const { units } = useFormat();
  const columns: Column<TableRow>[] = [
    {
      id: 'step',
      label: t('explain.chart.step'),
      cell: (row) => (
        <span className={row.nested ? styles.nested : undefined}>
          {row.label}
          {row.detail && <span className={styles.remark}>{row.detail}</span>}
        </span>
      ),
    },
    { id: 'value', label: t('explain.chart.value'), cell: (row) => row.value },
    { id: 'units', label: t('explain.chart.change'), numeric: true, cell: (row) => row.units },
    {
      id: 'sum',
      label: t('explain.chart.running'),
      numeric: true,
      cell: (row) => (row.sum === null ? '' : units(row.sum)),
    },
  ];
  return (
    <TableOfChart>
      <DataTable
        caption={title}
        columns={columns}
        rows={useTableRows(steps)}
        keyOf={(row) => row.id}
      />
    </TableOfChart>
  );
}
