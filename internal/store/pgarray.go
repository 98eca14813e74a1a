package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/hookline/hookline/internal/id"
)

// The hot writes to PostgreSQL are INSERT … SELECT FROM unnest(…) with an array for each column. pgx would box each value of such an array
// and ask how to encode it: a fifth of all allocations of a delivery. So the arrays are encoded here, in PostgreSQL's binary format
// (src/backend/utils/adt/arrayfuncs.c, array_send): dimensions, whether there are nulls, the elements' type, length, lower bound; then
// for each element its length, or -1 for null, and its bytes.
type pgArray struct{ data []byte }

const arrayHeader = 20

func newArray(elements uint32, room int) *pgArray {
	a := &pgArray{data: make([]byte, arrayHeader, arrayHeader+room)}
	binary.BigEndian.PutUint32(a.data[0:], 1)
	binary.BigEndian.PutUint32(a.data[8:], elements)
	binary.BigEndian.PutUint32(a.data[16:], 1)
	return a
}

// begin counts an element of size bytes and writes its length.
func (a *pgArray) begin(size int) {
	binary.BigEndian.PutUint32(a.data[12:], binary.BigEndian.Uint32(a.data[12:])+1)
	a.data = binary.BigEndian.AppendUint32(a.data, uint32(size))
}

func (a *pgArray) addNull() {
	binary.BigEndian.PutUint32(a.data[4:], 1)
	a.begin(-1)
}

func (a *pgArray) addID(v id.ID) {
	a.begin(len(v))
	a.data = append(a.data, v[:]...)
}

func (a *pgArray) addText(v string) {
	a.begin(len(v))
	a.data = append(a.data, v...)
}

// addTextOrNull adds null for an empty text.
func (a *pgArray) addTextOrNull(v string) {
	if v == "" {
		a.addNull()
		return
	}
	a.addText(v)
}

// addBytes adds null for nil.
func (a *pgArray) addBytes(v []byte) {
	if v == nil {
		a.addNull()
		return
	}
	a.begin(len(v))
	a.data = append(a.data, v...)
}

func (a *pgArray) addInt(v int64) {
	a.begin(8)
	a.data = binary.BigEndian.AppendUint64(a.data, uint64(v))
}

func (a *pgArray) addBool(v bool) {
	a.begin(1)
	bit := byte(0)
	if v {
		bit = 1
	}
	a.data = append(a.data, bit)
}

// pgEpoch is when PostgreSQL's time begins.
var pgEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (a *pgArray) addTime(v time.Time) {
	a.addInt(v.UnixMicro() - pgEpoch.UnixMicro())
}

// addTimeOrNull adds null for nil.
func (a *pgArray) addTimeOrNull(v *time.Time) {
	if v == nil {
		a.addNull()
		return
	}
	a.addTime(*v)
}

// Columns of arrays, with room for n elements.
func ids(n int) *pgArray           { return newArray(pgtype.UUIDOID, n*20) }
func textsOf(n, size int) *pgArray { return newArray(pgtype.TextOID, n*(4+size)) }
func ints(n int) *pgArray          { return newArray(pgtype.Int8OID, n*12) }
func bools(n int) *pgArray         { return newArray(pgtype.BoolOID, n*5) }
func timestamps(n int) *pgArray    { return newArray(pgtype.TimestamptzOID, n*12) }
func byteas(n, size int) *pgArray  { return newArray(pgtype.ByteaOID, n*(4+size)) }

// arrayStatement is a statement whose parameters are arrays.
type arrayStatement struct {
	name    string // of the prepared statement
	query   string
	columns []*pgArray
}

// execArrays executes statements in one round trip, and outside of a transaction also in one transaction.
func execArrays(ctx context.Context, conn *pgx.Conn, statements ...arrayStatement) error {
	_, err := affectedByArrays(ctx, conn, statements...)
	return err
}

// affectedByArrays is execArrays, and returns how many rows each of the statements has written.
func affectedByArrays(ctx context.Context, conn *pgx.Conn, statements ...arrayStatement) ([]int64, error) {
	batch := &pgconn.Batch{}
	for _, s := range statements {
		prepared, err := conn.Prepare(ctx, s.name, s.query) // known after the first time
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		values, formats := make([][]byte, len(s.columns)), make([]int16, len(s.columns))
		for i, column := range s.columns {
			values[i], formats[i] = column.data, pgtype.BinaryFormatCode
		}
		batch.ExecPrepared(prepared.Name, values, formats, nil)
	}
	results, err := conn.PgConn().ExecBatch(ctx, batch).ReadAll()
	if err != nil {
		return nil, err
	}
	affected := make([]int64, len(results))
	for i, result := range results {
		affected[i] = result.CommandTag.RowsAffected()
	}
	return affected, nil
}
