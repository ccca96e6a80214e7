package audio

// readSubframe decodes one channel with samples of depth bits into out. The bytes
// may be too short for it, which the caller asks the reader.
func (f *flacFrame) readSubframe(r *bitReader, out []int32, depth int) error {
	if r.bits(1) != 0 {
		return errFLACBad
	}
	kind := int(r.bits(6))
	wasted := 0 // low bits that are zero in all samples
	if r.bits(1) == 1 {
		wasted = int(min(r.unary(), maxFLACBits)) + 1
	}
	depth -= wasted
	order := 0
	switch {
	case kind >= 32:
		order = kind - 31
	case kind >= 8:
		order = kind - 8
	}
	if depth < 1 || order > len(out) {
		return errFLACBad
	}
	f.work += uint64(len(out)) * uint64(4+order)
	var err error
	switch {
	case kind == 0:
		sample := r.signed(depth)
		for i := range out {
			out[i] = sample
		}
	case kind == 1:
		readSamples(r, out, depth)
	case kind >= 32:
		err = readLinear(r, out, depth, order)
	case kind >= 8 && order <= 4:
		err = readFixed(r, out, depth, order)
	default:
		return errFLACBad
	}
	if wasted > 0 {
		for i := range out {
			out[i] <<= wasted
		}
	}
	return err
}

func readSamples(r *bitReader, out []int32, depth int) {
	for i := range out {
		out[i] = r.signed(depth)
	}
}

// readFixed decodes samples that a polynomial through the ones before predicts.
func readFixed(r *bitReader, out []int32, depth, order int) error {
	readSamples(r, out[:order], depth)
	if err := readResidual(r, out, order); err != nil {
		return err
	}
	switch order {
	case 1:
		for i := 1; i < len(out); i++ {
			out[i] += out[i-1]
		}
	case 2:
		for i := 2; i < len(out); i++ {
			out[i] += 2*out[i-1] - out[i-2]
		}
	case 3:
		for i := 3; i < len(out); i++ {
			out[i] += 3*out[i-1] - 3*out[i-2] + out[i-3]
		}
	case 4:
		for i := 4; i < len(out); i++ {
			out[i] += 4*out[i-1] - 6*out[i-2] + 4*out[i-3] - out[i-4]
		}
	}
	return nil
}

// readLinear decodes samples that a weighted sum of the ones before predicts.
func readLinear(r *bitReader, out []int32, depth, order int) error {
	readSamples(r, out[:order], depth)
	precision := int(r.bits(4)) + 1
	shift := r.signed(5)
	if precision == 16 || shift < 0 {
		return errFLACBad
	}
	var weights [32]int32 // of the samples before, the earliest first
	for i := order - 1; i >= 0; i-- {
		weights[i] = r.signed(precision)
	}
	if err := readResidual(r, out, order); err != nil {
		return err
	}
	for i := order; i < len(out); i++ {
		before := out[i-order : i]
		var sum int64
		for j, weight := range weights[:len(before)] {
			sum += int64(weight) * int64(before[j])
		}
		out[i] += int32(sum >> shift) //nolint:gosec // A valid prediction fits; others wrap around.
	}
	return nil
}

// readResidual reads what the prediction of all samples after the first ones
// lacks, in partitions with a Rice parameter each.
func readResidual(r *bitReader, out []int32, order int) error {
	method, partitionOrder := r.bits(2), r.bits(4)
	partition := len(out) >> partitionOrder
	if method > 1 || partition<<partitionOrder != len(out) || partition < order {
		return errFLACBad
	}
	parameterBits := 4 + int(method)
	escape := 1<<parameterBits - 1
	for start, end := order, partition; end <= len(out); start, end = end, end+partition {
		parameter := int(r.bits(parameterBits))
		if parameter < escape {
			r.rice(out[start:end], parameter)
		} else if depth := int(r.bits(5)); depth > 0 {
			readSamples(r, out[start:end], depth)
		} else {
			clear(out[start:end])
		}
		if r.short() {
			return nil
		}
	}
	return nil
}
