/** A table of some hundred rows at most: sortable, by keyboard too, and a list of cards where it is narrow. */
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import {
  AllTick,
  ColumnHead,
  isForControl,
  LeadCell,
  type Order,
  RowTick,
  sorted,
  sortState,
  type TableProps,
} from "./columns.tsx";

/** `<DataTable label={t.title} rows={found.data} columns={columns} rowKey={({ id }) => id} onOpen={edit} />` */
export function DataTable<Row>(
  { label, rows, columns, rowKey, onOpen, selected, rowLabel = rowKey, order: first }: TableProps<Row> & {
    /** The order at first; without it, as the rows come. */
    order?: Order;
  },
) {
  const order = useSignal(first);
  const ordered = useMemo(() => sorted(rows, columns, order.value), [rows, columns, order.value]);
  return (
    <div class="table-box">
      <table class="table" aria-label={label}>
        <thead>
          <tr>
            {selected && (
              <th class="pick">
                <AllTick keys={rows.map(rowKey)} selected={selected} />
              </th>
            )}
            {columns.map((column) => (
              <th
                key={column.id}
                scope="col"
                class={column.numeric ? "numeric" : undefined}
                aria-sort={sortState(column, order)}
              >
                <ColumnHead column={column} order={order} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ordered.map((row) => {
            const key = rowKey(row);
            const isSelected = selected?.value.has(key);
            return (
              <tr
                key={key}
                class={onOpen ? "opens" : undefined}
                data-selected={isSelected || undefined}
                onClick={onOpen && ((event) => isForControl(event) || onOpen(row))}
              >
                {selected && (
                  <td class="pick">
                    <RowTick of={key} label={rowLabel(row)} selected={selected} />
                  </td>
                )}
                {columns.map((column, index) => (
                  <td
                    key={column.id}
                    class={`${index === 0 ? "lead" : ""}${column.numeric ? " numeric" : ""}`}
                    data-label={column.label || undefined}
                  >
                    {index === 0
                      ? <LeadCell onOpen={onOpen && (() => onOpen(row))}>{column.cell(row)}</LeadCell>
                      : column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
