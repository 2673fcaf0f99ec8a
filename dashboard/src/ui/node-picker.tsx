import { useVirtualizer } from '@tanstack/react-virtual';
import { useCombobox } from 'downshift';
import { useDeferredValue, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type NodeChoice, useLevelLabel, useNodeChoices, useNodeLabel } from '@/api/nodes';
import { classes } from './classes';
import styles from './node-picker.module.css';
import ui from './ui.module.css';

const OPTION_PIXELS = 36;

/** Return the choices that hold every word of a text, in any order. */
export function search(choices: readonly NodeChoice[], text: string): NodeChoice[] {
  const words = text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return choices.filter((choice) => {
    const label = choice.label.toLocaleLowerCase();
    return words.every((word) => label.includes(word));
  });
}

/** Choice of a node by a search over all names; only the options that are seen are in the page. */
export function NodePicker({
  label,
  value,
  levels,
  onChange,
}: {
  label?: string;
  value: string;
  /** Levels whose nodes are offered; all by default. */
  levels?: readonly string[];
  onChange: (node: string) => void;
}) {
  const { t } = useTranslation();
  const levelLabel = useLevelLabel();
  const nodeLabel = useNodeLabel();
  const [typed, setTyped] = useState<string | null>(null); // null: nothing typed since it opened
  const text = useDeferredValue(typed ?? '');
  const [wanted, setWanted] = useState(false);
  const { choices: all, loading } = useNodeChoices(wanted);
  const choices = useMemo(
    () => (levels ? all.filter(({ level }) => levels.includes(level)) : all),
    [all, levels],
  );
  const found = useMemo(() => search(choices, text), [choices, text]);
  const popup = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: found.length,
    getScrollElement: () => popup.current,
    estimateSize: () => OPTION_PIXELS,
    overscan: 8,
  });
  const typedSomething = typed !== null && typed.trim() !== '';
  const combobox = useCombobox<NodeChoice>({
    items: found,
    selectedItem: null,
    inputValue: typed ?? nodeLabel(value),
    itemToString: (item) => item?.label ?? '',
    scrollIntoView: () => undefined, // the virtual list scrolls itself
    onHighlightedIndexChange: ({ highlightedIndex, type }) => {
      const byPointer = type === useCombobox.stateChangeTypes.ItemMouseMove;
      if (highlightedIndex >= 0 && !byPointer) rows.scrollToIndex(highlightedIndex);
    },
    onIsOpenChange: ({ isOpen, type, inputValue }) => {
      // typing opens the list, and what was typed is its search
      const byTyping = type === useCombobox.stateChangeTypes.InputChange;
      setTyped(isOpen ? (byTyping ? (inputValue ?? '') : '') : null);
      if (isOpen) setWanted(true);
    },
    stateReducer: (state, { type, changes }) => {
      switch (type) {
        case useCombobox.stateChangeTypes.InputBlur:
          return { ...changes, selectedItem: null }; // leaving without a choice changes nothing
        case useCombobox.stateChangeTypes.InputChange:
          // the first match is what Enter takes; of nothing typed, nothing
          return { ...changes, highlightedIndex: changes.inputValue?.trim() ? 0 : -1 };
        case useCombobox.stateChangeTypes.InputKeyDownEnter: {
          if (!typedSomething) return changes;
          // the list may be behind what was typed last; where nothing matches, it stays open
          const item = search(choices, typed)[state.highlightedIndex];
          return item ? { ...changes, selectedItem: item } : state;
        }
        default:
          return changes;
      }
    },
    onSelectedItemChange: ({ selectedItem }) => {
      if (selectedItem) onChange(selectedItem.id);
    },
  });
  const { isOpen, highlightedIndex, getItemProps } = combobox;
  return (
    <div className={classes(ui.field, styles.picker)}>
      <label className={ui.label} {...combobox.getLabelProps()}>
        {label ?? t('node.label')}
      </label>
      <input
        className={ui.input}
        placeholder={isOpen ? nodeLabel(value) : t('node.search')}
        spellCheck={false}
        {...combobox.getInputProps({
          onChange: (event) => {
            setTyped(event.currentTarget.value);
            rows.scrollToOffset(0); // where the first match is
          },
        })}
        {...(found.length === 0 && { 'aria-activedescendant': '' })}
      />
      <div ref={popup} className={classes(styles.popup, !isOpen && styles.closed)}>
        {isOpen && found.length === 0 && (
          <p className={styles.message}>{loading ? t('node.loading') : t('node.none', { text })}</p>
        )}
        <ul
          className={styles.space}
          {...combobox.getMenuProps({ style: { height: rows.getTotalSize() } })}
        >
          {isOpen &&
            rows.getVirtualItems().map((row) => {
              const choice = found[row.index] as NodeChoice;
              return (
                <li
                  key={choice.id}
                  className={classes(
                    styles.option,
                    row.index === highlightedIndex && styles.active,
                  )}
                  {...getItemProps({ item: choice, index: row.index, style: { top: row.start } })}
                  aria-setsize={found.length}
                  aria-posinset={row.index + 1}
                >
                  <span>{choice.label}</span>
                  <span className={styles.level}>{levelLabel(choice.level)}</span>
                </li>
              );
            })}
        </ul>
      </div>
      <span className="visually-hidden" role="status">
        {isOpen && !loading && t('node.count', { count: found.length })}
      </span>
    </div>
  );
}
