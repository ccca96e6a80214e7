package audio

// flacCRC8 is the CRC of a frame's header: polynomial x⁸+x²+x+1, no reflection.
func flacCRC8(p []byte) byte {
	var crc byte
	for _, b := range p {
		crc = crc8Table[crc^b]
	}
	return crc
}

// flacCRC16 is the CRC of a frame: polynomial x¹⁶+x¹⁵+x²+1, no reflection. It
// takes eight bytes at a time: a table for each place tells what a byte there
// adds.
func flacCRC16(p []byte) uint16 {
	var crc uint16
	for ; len(p) >= 8; p = p[8:] {
		crc = crc16Tables[7][p[0]^byte(crc>>8)] ^ crc16Tables[6][p[1]^byte(crc)] ^
			crc16Tables[5][p[2]] ^ crc16Tables[4][p[3]] ^ crc16Tables[3][p[4]] ^
			crc16Tables[2][p[5]] ^ crc16Tables[1][p[6]] ^ crc16Tables[0][p[7]]
	}
	for _, b := range p {
		crc = crc<<8 ^ crc16Tables[0][byte(crc>>8)^b]
	}
	return crc
}

var crc8Table = func() (table [256]byte) {
	for i := range table {
		crc := byte(i)
		for range 8 {
			crc = crc<<1 ^ crc>>7*0x07
		}
		table[i] = crc
	}
	return table
}()

var crc16Tables = func() (tables [8][256]uint16) {
	for i := range tables[0] {
		crc := uint16(i) << 8
		for range 8 {
			crc = crc<<1 ^ crc>>15*0x8005
		}
		tables[0][i] = crc
	}
	for place := 1; place < len(tables); place++ {
		for i, crc := range tables[place-1] {
			tables[place][i] = crc<<8 ^ tables[0][crc>>8]
		}
	}
	return tables
}()
