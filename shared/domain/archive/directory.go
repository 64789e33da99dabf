package archive

import (
	"encoding/binary"
	"io"
	"math"
)

// What ZIP (APPNOTE 6.3.10, 4.3.7 to 4.3.16) says of members. archive/zip would say the same, and have all of them in
// memory.
const (
	localMark     = 0x04034b50
	directoryMark = 0x02014b50
	end64Mark     = 0x06064b50
	locatorMark   = 0x07064b50
	endMark       = 0x06054b50

	localHeader = 30               // bytes before the name
	zip64       = 1                // the extra field with what needs 64 bits
	version45   = 45               // of the format, the first with ZIP64
	stored      = 0                // methods of compression
	deflated    = 8                //
	date        = 20<<9 | 1<<5 | 1 // 1 January 2000: the same content gives the same bytes, and 0 is no date
)

// describe appends what both headers of a member have in common.
func (m Member) describe(b []byte, packed, size uint32, extra int) []byte {
	little, method := binary.LittleEndian, uint16(deflated)
	if m.Stored {
		method = stored
	}
	for _, v := range []uint16{0, 0, method, 0, date} { // version, flags, method, time, date
		b = little.AppendUint16(b, v)
	}
	for _, v := range []uint32{m.CRC, packed, size} {
		b = little.AppendUint32(b, v)
	}
	return little.AppendUint16(little.AppendUint16(b, uint16(len(m.Name))), uint16(extra))
}

// local is what comes before the bytes of a member.
func (m Member) local() []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 128), localMark)
	return append(m.describe(b, uint32(min(m.Packed, math.MaxUint32)), uint32(min(m.Size, math.MaxUint32)), 0), m.Name...)
}

// directory writes the central directory of an archive as it is told the members in their order, and keeps none of them.
type directory struct {
	to      io.Writer
	members uint64
	at      uint64 // where the next member begins; in the end, where the directory does
	size    uint64
}

// add writes what the directory says of a member.
func (d *directory) add(m Member) error {
	little := binary.LittleEndian
	packed, size, at := uint32(m.Packed), uint32(m.Size), uint32(min(d.at, math.MaxUint32))
	var extra []byte
	if m.Packed >= math.MaxUint32 || m.Size >= math.MaxUint32 || d.at >= math.MaxUint32 {
		packed, size = math.MaxUint32, math.MaxUint32
		extra = little.AppendUint16(little.AppendUint16(extra, zip64), 24)
		extra = little.AppendUint64(little.AppendUint64(little.AppendUint64(extra, uint64(m.Size)), uint64(m.Packed)), d.at)
	}
	b := little.AppendUint32(make([]byte, 0, 192), directoryMark)
	b = m.describe(little.AppendUint16(b, 0), packed, size, len(extra))
	b = append(b, make([]byte, 10)...) // no comment, the first disk, no attributes
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
		b = little.AppendUint64(little.AppendUint32(b, end64Mark), 44)
		b = little.AppendUint64(little.AppendUint16(little.AppendUint16(b, version45), version45), 0)
		for _, v := range []uint64{d.members, d.members, d.size, d.at} {
			b = little.AppendUint64(b, v)
		}
		b = little.AppendUint32(little.AppendUint32(b, locatorMark), 0)
		b = little.AppendUint32(little.AppendUint64(b, d.at+d.size), 1)
	}
	b = little.AppendUint32(little.AppendUint32(b, endMark), 0)
	b = little.AppendUint16(little.AppendUint16(b, members), members)
	b = little.AppendUint16(little.AppendUint32(little.AppendUint32(b, size), at), 0)
	_, err := d.to.Write(b)
	return err
}
