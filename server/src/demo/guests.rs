//! Who stays in the demo hotel.

/// A guest and their stay.
pub(super) struct Guest {
    /// What stories call them.
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    /// Digits of the number; ranges that no phone has, where a country keeps some.
    pub(super) number: &'static str,
    /// BCP 47 tag.
    pub(super) language: &'static str,
    pub(super) room: &'static str,
    pub(super) arrived_days_ago: i64,
    pub(super) leaves_in_days: i64,
}

const fn guest(
    key: &'static str,
    name: &'static str,
    number: &'static str,
    language: &'static str,
    (room, arrived_days_ago, leaves_in_days): (&'static str, i64, i64),
) -> Guest {
    Guest { key, name, number, language, room, arrived_days_ago, leaves_in_days }
}

/// All forty.
pub(super) const GUESTS: [Guest; 40] = [
    guest("amelia", "Amelia Hart", "447700900123", "en", ("204", 3, 2)),
    guest("okafor", "Joseph Okafor", "2348000000110", "en", ("110", 1, 4)),
    guest("muller", "Katrin Müller", "4915228817386", "de", ("305", 5, 1)),
    guest("lefevre", "Camille Lefèvre", "33639981204", "fr", ("411", 2, 3)),
    guest("rossi", "Giulia Rossi", "393330000211", "it", ("211", 6, 1)),
    guest("garcia", "Diego García", "34600000309", "es", ("309", 2, 5)),
    guest("santos", "Beatriz Santos", "351910000402", "pt", ("402", 1, 2)),
    guest("devries", "Pieter de Vries", "31600000107", "nl", ("107", 4, 3)),
    guest("tanaka", "Haruto Tanaka", "818000000501", "ja", ("501", 2, 2)),
    guest("sharma", "Priya Sharma", "919000000210", "hi", ("210", 3, 4)),
    guest("alhassan", "Layla Al-Hassan", "971500000505", "ar", ("505", 1, 6)),
    guest("johansson", "Erik Johansson", "46700000302", "sv", ("302", 7, 1)),
    guest("brown", "Michael Brown", "12025550114", "en-US", ("410", 2, 1)),
    guest("nguyen", "Linh Nguyen", "84900000206", "en", ("206", 5, 2)),
    guest("kowalska", "Agnieszka Kowalska", "48500000112", "pl", ("112", 1, 3)),
    guest("yilmaz", "Emre Yılmaz", "905300000308", "tr", ("308", 4, 2)),
    guest("dupont", "Marc Dupont", "33639981377", "fr", ("103", 0, 2)),
    guest("schneider", "Bernd Schneider", "4915228895456", "de", ("407", 3, 4)),
    guest("oconnor", "Siobhán O’Connor", "353850000203", "en", ("203", 1, 5)),
    guest("martinez", "Valentina Martínez", "525500000404", "es-MX", ("404", 6, 1)),
    guest("chen", "Wei Chen", "8613000000509", "zh", ("509", 2, 3)),
    guest("kim", "Ji-woo Kim", "821000000111", "en", ("111", 3, 1)),
    guest("ferrari", "Luca Ferrari", "393330000512", "it", ("512", 0, 7)),
    guest("novak", "Petra Nováková", "420600000208", "cs", ("208", 2, 2)),
    guest("andersen", "Mette Andersen", "4520000303", "da", ("303", 4, 1)),
    guest("silva", "Rafael Oliveira", "5511900000401", "pt-BR", ("401", 1, 3)),
    guest("wilson", "Grace Wilson", "61491570156", "en-AU", ("109", 5, 6)),
    guest("haddad", "Karim Mansour", "21620000307", "fr", ("307", 2, 2)),
    guest("huber", "Stefan Huber", "436640000106", "de-AT", ("106", 1, 1)),
    guest("meier", "Ursula Meier", "41780000212", "de-CH", ("212", 6, 2)),
    guest("davies", "Owen Davies", "447700900456", "en", ("408", 0, 3)),
    guest("popescu", "Ioana Popescu", "40700000304", "en", ("304", 3, 3)),
    guest("virtanen", "Aino Virtanen", "358400000502", "fi", ("502", 2, 4)),
    guest("costa", "Francesca Costa", "393330000306", "it", ("306", 4, 1)),
    guest("ito", "Sakura Itō", "818000000510", "ja", ("510", 1, 2)),
    guest("thompson", "Daniel Thompson", "12025550171", "en-US", ("104", 0, 4)),
    guest("bernard", "Élodie Bernard", "33639982045", "fr", ("209", 3, 1)),
    guest("fischer", "Anja Fischer", "493023125042", "de", ("405", 2, 6)),
    guest("ramirez", "Sofía Ramírez", "34600000108", "es", ("108", 5, 2)),
    guest("walker", "Hannah Walker", "447700900789", "en", ("506", 1, 1)),
];
