package archive

import (
	"encoding/binary"
	"io"
	"math"
)

// directory writes the central directory of an archive (APPNOTE 6.3.10, 4.3.12 to 4.3.16) as it is told the members in
// their order, and keeps none of them. archive/zip would have to have them all in memory.
type directory struct {
	to      io.Writer
	members uint64
	at      uint64 // where the next member begins; in the end, where the directory does
	size    uint64
}

const (
	localHeader = 30 // bytes before the name
	version45   = 45 // of the format, the first with ZIP64
)

// add writes what the directory says of a member.
func (d *directory) add(m Member) error {
	little := binary.LittleEndian
	h := m.header()
	packed, size, at := uint32(m.Packed), uint32(m.Size), uint32(min(d.at, math.MaxUint32))
	var extra []byte
	if m.Packed >= math.MaxUint32 || m.Size >= math.MaxUint32 || d.at >= math.MaxUint32 {
		packed, size = math.MaxUint32, math.MaxUint32
		extra = little.AppendUint16(little.AppendUint16(extra, 1), 24) // ZIP64: both sizes and the place
		extra = little.AppendUint64(little.AppendUint64(little.AppendUint64(extra, uint64(m.Size)), uint64(m.Packed)), d.at)
	}
	b := little.AppendUint32(make([]byte, 0, 128), 0x02014b50)
	for _, v := range []uint16{0, 0, 0, h.Method, h.ModifiedTime, h.ModifiedDate} {
		b = little.AppendUint16(b, v)
	}
	for _, v := range []uint32{m.CRC, packed, size} {
		b = little.AppendUint32(b, v)
	}
	for _, v := range []uint16{uint16(len(m.Name)), uint16(len(extra)), 0, 0, 0, 0, 0} {
		b = little.AppendUint16(b, v)
	}
	b = append(append(little.AppendUint32(b, at), m.Name...), extra...)
	d.members, d.at, d.size = d.members+1, d.at+uint64(localHeader+len(m.Name))+uint64(m.Packed), d.size+uint64(len(b))
	_, err := d.to.Write(b)
	return err
}

// close writes the end of the directory.
func (d *directory) close() error {
	little := binary.LittleEndian
	var b []byte
	members, size, at := uint16(d.members), uint32(d.size), uint32(d.at)
	if d.members >= math.MaxUint16 || d.size >= math.MaxUint32 || d.at >= math.MaxUint32 {
		members, size, at = math.MaxUint16, math.MaxUint32, math.MaxUint32
		b = little.AppendUint64(little.AppendUint32(b, 0x06064b50), 44)
		b = little.AppendUint64(little.AppendUint16(little.AppendUint16(b, version45), version45), 0)
		for _, v := range []uint64{d.members, d.members, d.size, d.at} {
			b = little.AppendUint64(b, v)
		}
		b = little.AppendUint32(little.AppendUint32(b, 0x07064b50), 0)
		b = little.AppendUint32(little.AppendUint64(b, d.at+d.size), 1)
	}
	b = little.AppendUint32(little.AppendUint32(b, 0x06054b50), 0)
	b = little.AppendUint16(little.AppendUint16(b, members), members)
	b = little.AppendUint16(little.AppendUint32(little.AppendUint32(b, size), at), 0)
	_, err := d.to.Write(b)
	return err
}
