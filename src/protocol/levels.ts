// Levels: what a device reports of its heart rate and motion, coarse on purpose, and what each level is worth.
//
// Both quantities are mapped to 0…1 000 000 ppm and quantised to 8 levels by rounding to the nearest of level / 7.
// Heart rate: 1 / (1 + e^(−0.04 · (bpm − 100))), printed here as integers so that no node computes an exponential.
// Motion: min(‖M‖ / 2 g, 1).

import { MAX_LEVEL } from './limits.ts'

export const PPM = 1_000_000
export const MIN_BPM = 30
export const MAX_BPM = 220

/** ppm for 30, 31, … 220 bpm. */
export const HEART_RATE_PPM: readonly number[] = [
  57_324, 59_524, 61_803, 64_164, 66_608, 69_138, 71_758, 74_468, 77_272, 80_173,
  83_173, 86_274, 89_480, 92_793, 96_216, 99_750, 103_400, 107_168, 111_056, 115_067,
  119_203, 123_467, 127_862, 132_389, 137_051, 141_851, 146_790, 151_871, 157_095, 162_465,
  167_982, 173_647, 179_462, 185_427, 191_545, 197_816, 204_240, 210_818, 217_550, 224_436,
  231_475, 238_667, 246_011, 253_506, 261_150, 268_941, 276_878, 284_958, 293_178, 301_535,
  310_026, 318_646, 327_393, 336_261, 345_247, 354_344, 363_547, 372_852, 382_252, 391_741,
  401_312, 410_960, 420_676, 430_454, 440_286, 450_166, 460_085, 470_036, 480_011, 490_001,
  500_000, 509_999, 519_989, 529_964, 539_915, 549_834, 559_714, 569_546, 579_324, 589_040,
  598_688, 608_259, 617_748, 627_148, 636_453, 645_656, 654_753, 663_739, 672_607, 681_354,
  689_974, 698_465, 706_822, 715_042, 723_122, 731_059, 738_850, 746_494, 753_989, 761_333,
  768_525, 775_564, 782_450, 789_182, 795_760, 802_184, 808_455, 814_573, 820_538, 826_353,
  832_018, 837_535, 842_905, 848_129, 853_210, 858_149, 862_949, 867_611, 872_138, 876_533,
  880_797, 884_933, 888_944, 892_832, 896_600, 900_250, 903_784, 907_207, 910_520, 913_726,
  916_827, 919_827, 922_728, 925_532, 928_242, 930_862, 933_392, 935_836, 938_197, 940_476,
  942_676, 944_799, 946_849, 948_826, 950_734, 952_574, 954_349, 956_060, 957_710, 959_301,
  960_834, 962_312, 963_736, 965_109, 966_431, 967_705, 968_932, 970_113, 971_252, 972_348,
  973_403, 974_419, 975_398, 976_339, 977_246, 978_119, 978_959, 979_767, 980_545, 981_293,
  982_014, 982_707, 983_374, 984_015, 984_632, 985_226, 985_797, 986_346, 986_875, 987_383,
  987_872, 988_342, 988_794, 989_228, 989_646, 990_048, 990_435, 990_806, 991_164, 991_507,
  991_837,
]

const toLevel = (ppm: number): number => Math.floor((2 * MAX_LEVEL * ppm + PPM) / (2 * PPM))

/** Rates outside 30…220 count as the nearest end. @param bpm integer */
export function rateLevel(bpm: number): number {
  return toLevel(HEART_RATE_PPM[Math.min(Math.max(bpm, MIN_BPM), MAX_BPM) - MIN_BPM]!)
}

/** @param milliG magnitude of acceleration without gravity */
export function motionLevel(milliG: number): number {
  return toLevel(Math.min(milliG * 500, PPM))
}

/** What a level is worth, ppm, rounded down. */
export const levelPpm = (level: number): number => Math.floor((level * PPM) / MAX_LEVEL)
