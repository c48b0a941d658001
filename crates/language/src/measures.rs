//! Units of weight, volume, length, area, data and power: what a word measures, and how many of the smallest unit it is.

/// What a unit measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// In milligrams.
    Weight,
    /// In millilitres.
    Volume,
    /// In millimetres.
    Length,
    /// In square metres.
    Area,
    /// In bytes.
    Data,
    /// In watts.
    Power,
    /// In watt-hours.
    Energy,
}

/// The dimension of a unit, and how many of the dimension's smallest unit one of it is; `word` in lower case, singular or plural.
pub fn measure(word: &str) -> Option<(Dimension, f64)> {
    use Dimension::{Area, Data, Energy, Length, Power, Volume, Weight};
    Some(match word {
        "mg" | "milligram" | "milligrams" | "milligramme" | "milligrammes" => (Weight, 1.0),
        "g" | "gr" | "gram" | "grams" | "gramme" | "grammes" => (Weight, 1e3),
        "kg" | "kgs" | "kilo" | "kilos" | "kilogram" | "kilograms" | "kilogramme" | "kilogrammes" => (Weight, 1e6),
        "ton" | "tons" | "tonne" | "tonnes" => (Weight, 1e9),
        "ounce" | "ounces" | "oz" => (Weight, 28_349.523_125),
        "lb" | "lbs" => (Weight, 453_592.37),
        "ml" | "millilitre" | "millilitres" | "milliliter" | "milliliters" => (Volume, 1.0),
        "cl" | "centilitre" | "centilitres" | "centiliter" | "centiliters" => (Volume, 10.0),
        "dl" | "decilitre" | "decilitres" | "deciliter" | "deciliters" => (Volume, 100.0),
        "l" | "litre" | "litres" | "liter" | "liters" => (Volume, 1e3),
        "hl" | "hectolitre" | "hectolitres" | "hectoliter" | "hectoliters" => (Volume, 1e5),
        "mm" | "millimetre" | "millimetres" | "millimeter" | "millimeters" => (Length, 1.0),
        "cm" | "centimetre" | "centimetres" | "centimeter" | "centimeters" => (Length, 10.0),
        "m" | "metre" | "metres" | "meter" | "meters" => (Length, 1e3),
        "km" | "kms" | "kilometre" | "kilometres" | "kilometer" | "kilometers" => (Length, 1e6),
        "mile" | "miles" => (Length, 1_609_344.0),
        "inch" | "inches" => (Length, 25.4),
        "foot" | "feet" | "ft" => (Length, 304.8),
        "yard" | "yards" => (Length, 914.4),
        "sqm" | "m2" => (Area, 1.0),
        "acre" | "acres" => (Area, 4_046.856_422_4),
        "hectare" | "hectares" | "ha" => (Area, 1e4),
        "kb" | "kilobyte" | "kilobytes" => (Data, 1e3),
        "mb" | "megabyte" | "megabytes" => (Data, 1e6),
        "gb" | "gig" | "gigs" | "gigabyte" | "gigabytes" => (Data, 1e9),
        "tb" | "terabyte" | "terabytes" => (Data, 1e12),
        "w" | "watt" | "watts" => (Power, 1.0),
        "kw" | "kilowatt" | "kilowatts" => (Power, 1e3),
        "mw" | "megawatt" | "megawatts" => (Power, 1e6),
        "wh" => (Energy, 1.0),
        "kwh" => (Energy, 1e3),
        "mwh" => (Energy, 1e6),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::measure;

    #[test]
    fn units_convert_within_their_dimension() {
        for (from, to, factor) in [
            ("kilo", "grams", 1e3),
            ("litres", "ml", 1e3),
            ("km", "metres", 1e3),
            ("gb", "mb", 1e3),
            ("kwh", "wh", 1e3),
            ("hectare", "sqm", 1e4),
        ] {
            let ((one, a), (other, b)) = (measure(from).unwrap(), measure(to).unwrap());
            assert_eq!((one, a / b), (other, factor), "{from} in {to}");
        }
        assert_eq!(measure("table"), None);
    }
}
